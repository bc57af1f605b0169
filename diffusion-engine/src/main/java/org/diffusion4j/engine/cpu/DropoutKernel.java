package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.DropoutOp;

/** Drops values with the masks of the call, which it computes on the fly. */
final class DropoutKernel {

  private DropoutKernel() {}

  static Kernel of(DropoutOp node, KernelContext context) {
    return (workspace, scratch) -> bind(node, workspace);
  }

  private static Runnable bind(DropoutOp node, CpuWorkspace workspace) {
    FloatBuffer from = workspace.floats(node.x());
    FloatBuffer to = workspace.floats(node.y());
    IntBuffer toBits = Address.ints(workspace.address(node.y()), node.y().length());
    float[] a = workspace.heap(0, DropoutMasks.TILE);
    int[] bits = new int[DropoutMasks.TILE];
    int layer = node.layer();
    int samples = Math.toIntExact(node.x().size(0));
    int size = Math.toIntExact(node.x().length() / samples);
    return () -> {
      DropoutMasks masks = workspace.masks();
      float factor = masks.factor();
      for (int sample = 0; sample < samples; sample++) {
        for (int start = 0; start < size; start += DropoutMasks.TILE) {
          int n = Math.min(DropoutMasks.TILE, size - start);
          int at = sample * size + start;
          from.get(at, a, 0, n);
          Loops.scale(a, factor, n);
          to.put(at, a, 0, n);
          toBits.get(at, bits, 0, n);
          masks.drop(bits, n, layer, workspace.firstSample() + sample, start / DropoutMasks.TILE);
          toBits.put(at, bits, 0, n);
        }
      }
    };
  }
}
