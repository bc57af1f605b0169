package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/** The sum over the batch of each feature. */
final class ColumnSums extends Node {

  private final Value x;
  private final Value y;

  /**
   * @param x {@code [batch, features]}
   * @param y {@code [features]}
   */
  ColumnSums(String name, Value x, Value y) {
    super(name, List.of(x), List.of(y));
    this.x = x;
    this.y = y;
  }

  @Override
  boolean batchwise() {
    return false;
  }

  @Override
  Runnable bind(Workspace workspace) {
    int features = Math.toIntExact(y.length());
    int rows = Math.toIntExact(x.length() / features);
    FloatBuffer from = workspace.floats(x);
    FloatBuffer to = workspace.floats(y);
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
