package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import org.diffusion4j.engine.graph.Resample;
import org.diffusion4j.engine.graph.Value;

/** Doubles or halves height and width, or the width alone, row by row. */
final class ResampleKernel {

  private final FloatBuffer small;
  private final FloatBuffer large;
  private final int rows;
  private final int copies;
  private final int channels;
  private final int width;
  private final int length;
  private final float factor;
  private final float[] row;
  private final float[] wide;

  private ResampleKernel(Resample node, CpuWorkspace workspace) {
    Value smallValue = node.up() ? node.x() : node.y();
    Value largeValue = node.up() ? node.y() : node.x();
    rows = Math.toIntExact(smallValue.size(0) * smallValue.size(2));
    copies = Math.toIntExact(largeValue.size(2) / smallValue.size(2));
    channels = Math.toIntExact(smallValue.size(1));
    width = Math.toIntExact(smallValue.size(3));
    length = width * channels;
    factor = (float) node.factor();
    small = workspace.floats(smallValue);
    large = workspace.floats(largeValue);
    row = workspace.heap(0, length);
    wide = workspace.heap(1, 2L * copies * length);
  }

  static Kernel of(Resample node, KernelContext context) {
    return (workspace, scratch) -> {
      ResampleKernel bound = new ResampleKernel(node, workspace);
      return node.up() ? bound::up : bound::down;
    };
  }

  private void up() {
    for (int r = 0; r < rows; r++) {
      small.get(r * length, row, 0, length);
      scale();
      for (int p = 0; p < width; p++) {
        System.arraycopy(row, p * channels, wide, 2 * p * channels, channels);
        System.arraycopy(row, p * channels, wide, (2 * p + 1) * channels, channels);
      }
      for (int copy = 0; copy < copies; copy++) {
        large.put(2 * (copies * r + copy) * length, wide, 0, 2 * length);
      }
    }
  }

  private void down() {
    for (int r = 0; r < rows; r++) {
      large.get(2 * copies * r * length, wide, 0, 2 * copies * length);
      for (int i = 2 * length; i < 2 * copies * length; i++) {
        wide[i - 2 * length] += wide[i];
      }
      for (int p = 0; p < width; p++) {
        for (int c = 0; c < channels; c++) {
          row[p * channels + c] = wide[2 * p * channels + c] + wide[(2 * p + 1) * channels + c];
        }
      }
      scale();
      small.put(r * length, row, 0, length);
    }
  }

  private void scale() {
    if (factor != 1) {
      for (int i = 0; i < length; i++) {
        row[i] *= factor;
      }
    }
  }
}
