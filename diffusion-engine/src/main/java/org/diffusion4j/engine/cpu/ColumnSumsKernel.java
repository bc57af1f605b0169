package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.diffusion4j.engine.graph.ColumnSums;

/** Sums each feature over the batch. */
final class ColumnSumsKernel {

  private ColumnSumsKernel() {}

  static Kernel of(ColumnSums node, KernelContext context) {
    return (workspace, scratch) -> bind(node, workspace);
  }

  private static Runnable bind(ColumnSums node, CpuWorkspace workspace) {
    int features = Math.toIntExact(node.y().length());
    int rows = Math.toIntExact(node.x().length() / features);
    FloatBuffer from = workspace.floats(node.x());
    FloatBuffer to = workspace.floats(node.y());
    float[] row = new float[features];
    float[] sums = new float[features];
    return () -> {
      Arrays.fill(sums, 0);
      for (int i = 0; i < rows; i++) {
        from.get(i * features, row);
        for (int j = 0; j < features; j++) {
          sums[j] += row[j];
        }
      }
      to.put(0, sums);
    };
  }
}
