package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.List;

/**
 * Doubles height and width by repeating each pixel, or halves them by summing squares of four,
 * times a factor: nearest upsampling, average pooling, and the gradient of each by the other.
 */
final class Resample extends Node {

  private final boolean up;
  private final float factor;
  private final Value x;
  private final Value y;

  private Resample(String name, boolean up, double factor, Value x, Value y) {
    super(name, List.of(x), List.of(y));
    this.up = up;
    this.factor = (float) factor;
    this.x = x;
    this.y = y;
  }

  static Resample up(String name, double factor, Value x, Value y) {
    return new Resample(name, true, factor, x, y);
  }

  /** Height and width of {@code x} are even. */
  static Resample down(String name, double factor, Value x, Value y) {
    return new Resample(name, false, factor, x, y);
  }

  @Override
  void differentiate(Tape tape) {
    Value dx = x.likeThis(x.name + "-grad");
    tape.add(new Resample(dx.name, !up, factor, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }

  @Override
  Runnable bind(Workspace workspace) {
    Value smallValue = up ? x : y;
    int rows = Math.toIntExact(smallValue.size(0) * smallValue.size(2));
    int channels = Math.toIntExact(smallValue.size(1));
    int width = Math.toIntExact(smallValue.size(3));
    int length = width * channels;
    FloatBuffer small = workspace.floats(smallValue);
    FloatBuffer large = workspace.floats(up ? y : x);
    float[] row = workspace.heap(0, length);
    float[] wide = workspace.heap(1, 4L * length);
    return up
        ? () -> {
          for (int r = 0; r < rows; r++) {
            small.get(r * length, row, 0, length);
            scale(row, length);
            for (int p = 0; p < width; p++) {
              System.arraycopy(row, p * channels, wide, 2 * p * channels, channels);
              System.arraycopy(row, p * channels, wide, (2 * p + 1) * channels, channels);
            }
            large.put(4 * r * length, wide, 0, 2 * length);
            large.put((4 * r + 2) * length, wide, 0, 2 * length);
          }
        }
        : () -> {
          for (int r = 0; r < rows; r++) {
            large.get(4 * r * length, wide, 0, 4 * length);
            for (int i = 0; i < 2 * length; i++) {
              wide[i] += wide[2 * length + i];
            }
            for (int p = 0; p < width; p++) {
              for (int c = 0; c < channels; c++) {
                row[p * channels + c] =
                    wide[2 * p * channels + c] + wide[(2 * p + 1) * channels + c];
              }
            }
            scale(row, length);
            small.put(r * length, row, 0, length);
          }
        };
  }

  private void scale(float[] row, int length) {
    if (factor != 1) {
      for (int i = 0; i < length; i++) {
        row[i] *= factor;
      }
    }
  }
}
