package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import org.diffusion4j.engine.graph.LossOfOutput;
import org.diffusion4j.engine.graph.Value;

/** Calls the caller's loss for each sample, in C order, and writes its gradient. */
final class LossKernel {

  private final CpuWorkspace workspace;
  private final boolean plain;
  private final int samples;
  private final int length;
  private final int channels;
  private final int pixels;
  private final FloatBuffer from;
  private final FloatBuffer to;
  private final float[] inMemory;
  private final float[] y;
  private final float[] dy;

  private LossKernel(LossOfOutput node, CpuWorkspace workspace) {
    this.workspace = workspace;
    Value output = node.output();
    plain = output.isPlain();
    samples = Math.toIntExact(output.size(0));
    length = Math.toIntExact(output.length() / samples);
    channels = plain ? 1 : Math.toIntExact(output.size(1));
    pixels = length / channels;
    from = workspace.floats(output);
    to = workspace.floats(node.gradient());
    inMemory = new float[length];
    y = new float[length];
    dy = new float[length];
  }

  static Kernel of(LossOfOutput node, KernelContext context) {
    return (workspace, scratch) -> {
      Runnable ask = new LossKernel(node, workspace)::ask;
      return () -> Workers.callback(ask);
    };
  }

  private void ask() {
    for (int i = 0; i < samples; i++) {
      from.get(i * length, inMemory);
      transpose(inMemory, pixels, channels, y);
      workspace.losses().ask(workspace.firstSample() + i, y, dy);
      transpose(dy, channels, pixels, inMemory);
      to.put(i * length, inMemory);
    }
  }

  private void transpose(float[] source, int rows, int columns, float[] target) {
    if (plain) {
      System.arraycopy(source, 0, target, 0, length);
      return;
    }
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        target[column * rows + row] = source[row * columns + column];
      }
    }
  }
}
