package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import org.diffusion4j.engine.graph.Resample;
import org.diffusion4j.engine.graph.Value;

/** Doubles or halves height and width, row by row. */
final class ResampleKernel {

  private final FloatBuffer small;
  private final FloatBuffer large;
  private final int rows;
  private final int channels;
  private final int width;
  private final int length;
  private final float factor;
  private final float[] row;
  private final float[] wide;

  private ResampleKernel(Resample node, CpuWorkspace workspace) {
    Value smallValue = node.up() ? node.x() : node.y();
    rows = Math.toIntExact(smallValue.size(0) * smallValue.size(2));
    channels = Math.toIntExact(smallValue.size(1));
    width = Math.toIntExact(smallValue.size(3));
    length = width * channels;
    factor = (float) node.factor();
    small = workspace.floats(smallValue);
    large = workspace.floats(node.up() ? node.y() : node.x());
    row = workspace.heap(0, length);
    wide = workspace.heap(1, 4L * length);
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
      large.put(4 * r * length, wide, 0, 2 * length);
      large.put((4 * r + 2) * length, wide, 0, 2 * length);
    }
  }

  private void down() {
    for (int r = 0; r < rows; r++) {
      large.get(4 * r * length, wide, 0, 4 * length);
      for (int i = 0; i < 2 * length; i++) {
        wide[i] += wide[2 * length + i];
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
