package org.diffusion4j.samplers;

/**
 * The functions of exponential integrators, {@code phi_1(z) = (e^z - 1) / z} and {@code
 * phi_{k+1}(z) = (phi_k(z) - 1 / k!) / z}: Hochbruck and Ostermann 2010, equation 2.11.
 *
 * <p>For small z the recursion subtracts nearly equal numbers. There it uses the series {@code
 * phi_k(z) = sum_j z^j / (j + k)!}.
 */
final class Phi {

  /** The series is used below this value, the recursion above. */
  private static final double SMALL = 2;

  private static final int TERMS = 30;

  private Phi() {}

  /**
   * phi_k(z), accurate to a few units in the last place for k up to 5.
   *
   * @param k at least 1
   * @param z any number
   */
  static double of(int k, double z) {
    return Math.abs(z) < SMALL ? series(k, z) : recursion(k, z);
  }

  private static double series(int k, double z) {
    double sum = 0;
    for (int j = TERMS; j >= 0; j--) {
      sum = 1 + sum * z / (j + 1 + k); // Horner's scheme, times (j + k)! / z^j
    }
    return sum / factorial(k);
  }

  private static double recursion(int k, double z) {
    double phi = Math.expm1(z) / z;
    for (int i = 1; i < k; i++) {
      phi = (phi - 1 / factorial(i)) / z;
    }
    return phi;
  }

  static double factorial(int n) {
    double product = 1;
    for (int i = 2; i <= n; i++) {
      product *= i;
    }
    return product;
  }
}
