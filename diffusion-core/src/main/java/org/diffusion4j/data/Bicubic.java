package org.diffusion4j.data;

/**
 * Enlarging of images by a whole factor with cubic convolution (Keys 1981, a = -1/2). Pixels at the
 * border are repeated beyond it.
 */
final class Bicubic {

  private static final double A = -0.5;
  private static final int TAPS = 4;

  private final int factor;
  private final int[] first;
  private final float[][] weights;

  /**
   * @param factor at least 1
   */
  Bicubic(int factor) {
    this.factor = factor;
    first = new int[factor];
    weights = new float[factor][TAPS];
    for (int phase = 0; phase < factor; phase++) {
      double centre = (phase + 0.5) / factor - 0.5;
      first[phase] = (int) Math.floor(centre) - 1;
      for (int k = 0; k < TAPS; k++) {
        weights[phase][k] = (float) kernel(Math.abs(centre - first[phase] - k));
      }
    }
  }

  /** Keys' kernel, equation 15. */
  private static double kernel(double s) {
    if (s <= 1) {
      return (A + 2) * s * s * s - (A + 3) * s * s + 1;
    }
    return s < 2 ? A * (s * s * s - 5 * s * s + 8 * s - 4) : 0;
  }

  /**
   * Enlarges images; results are clamped to [-1, 1].
   *
   * @param low {@code [n, height, width]} in C order
   * @param into receives {@code [n, factor height, factor width]}
   * @param offset where they begin
   */
  void enlarge(float[] low, int height, int width, float[] into, int offset) {
    int wide = factor * width;
    float[] columns = new float[height * wide];
    for (int image = 0; image < low.length / (height * width); image++) {
      int from = image * height * width;
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < wide; x++) {
          columns[y * wide + x] = along(low, from + y * width, 1, width, x);
        }
      }
      int to = offset + image * height * factor * wide;
      for (int y = 0; y < factor * height; y++) {
        for (int x = 0; x < wide; x++) {
          float value = along(columns, x, wide, height, y);
          into[to + y * wide + x] = Math.max(-1, Math.min(1, value));
        }
      }
    }
  }

  /** The value at position {@code i} of a line of {@code length} pixels, enlarged. */
  private float along(float[] pixels, int from, int stride, int length, int i) {
    int phase = i % factor;
    float value = 0;
    for (int k = 0; k < TAPS; k++) {
      int pixel = Math.max(0, Math.min(length - 1, i / factor + first[phase] + k));
      value += weights[phase][k] * pixels[from + pixel * stride];
    }
    return value;
  }
}
