package org.diffusion4j.engine.cpu;

/**
 * Loops over floats in the form that JDK 17's C2 vectorises: every array is read from index 0, the
 * body is short, and there is no bit manipulation.
 */
final class Loops {

  /** The hyperbolic tangent of larger values is 1 in float. */
  private static final float BOUND = 7.905311f;

  private Loops() {}

  /** {@code sums += a}. */
  static void add(float[] sums, float[] a, int n) {
    for (int i = 0; i < n; i++) {
      sums[i] += a[i];
    }
  }

  /** {@code sums += (a - means)^2}. */
  static void addSquares(float[] sums, float[] a, float[] means, int n) {
    for (int i = 0; i < n; i++) {
      float d = a[i] - means[i];
      sums[i] += d * d;
    }
  }

  /** {@code sums += d} and {@code products += d h}. */
  static void addProducts(float[] sums, float[] products, float[] d, float[] h, int n) {
    for (int i = 0; i < n; i++) {
      sums[i] += d[i];
      products[i] += d[i] * h[i];
    }
  }

  /** {@code a = (a - means) factors}. */
  static void normalise(float[] a, float[] means, float[] factors, int n) {
    for (int i = 0; i < n; i++) {
      a[i] = (a[i] - means[i]) * factors[i];
    }
  }

  /** {@code a = (a - means) factors + shifts}. */
  static void affine(float[] a, float[] means, float[] factors, float[] shifts, int n) {
    for (int i = 0; i < n; i++) {
      a[i] = (a[i] - means[i]) * factors[i] + shifts[i];
    }
  }

  /** {@code z = h factors + shifts}. */
  static void affineTo(float[] z, float[] h, float[] factors, float[] shifts, int n) {
    for (int i = 0; i < n; i++) {
      z[i] = h[i] * factors[i] + shifts[i];
    }
  }

  /** {@code a = a b}. */
  static void multiply(float[] a, float[] b, int n) {
    for (int i = 0; i < n; i++) {
      a[i] *= b[i];
    }
  }

  /** {@code a = a factor}. */
  static void scale(float[] a, float factor, int n) {
    for (int i = 0; i < n; i++) {
      a[i] *= factor;
    }
  }

  /** {@code d = d t + (h s + r)}. */
  static void combine(float[] d, float[] h, float[] t, float[] r, float[] s, int n) {
    for (int i = 0; i < n; i++) {
      d[i] = d[i] * t[i] + (h[i] * s[i] + r[i]);
    }
  }

  /** {@code d = d silu'(z)}, given the sigmoid of z. */
  static void timesSiluDerivative(float[] d, float[] z, float[] sigmoid, int n) {
    for (int i = 0; i < n; i++) {
      d[i] *= sigmoid[i] * (1 + z[i] * (1 - sigmoid[i]));
    }
  }

  /**
   * {@code y = 1 / (1 + exp(-z))} with an error of at most 2e-7, from the hyperbolic tangent of z /
   * 2, which is a quotient of polynomials.
   */
  static void sigmoid(float[] y, float[] z, int n) {
    for (int i = 0; i < n; i++) {
      float x = Math.max(-BOUND, Math.min(BOUND, 0.5f * z[i]));
      float s = x * x;
      float p = Math.fma(-2.7607684e-16f, s, 2.000188e-13f);
      p = Math.fma(p, s, -8.604672e-11f);
      p = Math.fma(p, s, 5.1222973e-8f);
      p = Math.fma(p, s, 1.48572235e-5f);
      p = Math.fma(p, s, 0.00063726195f);
      p = Math.fma(p, s, 0.0048935246f);
      float q = Math.fma(1.1982584e-6f, s, 0.00011853471f);
      q = Math.fma(q, s, 0.0022684347f);
      q = Math.fma(q, s, 0.004893525f);
      y[i] = Math.fma(0.5f, x * p / q, 0.5f);
    }
  }
}
