package org.diffusion4j.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LoopsTest {

  private static float[] sigmoid(float... z) {
    float[] y = new float[z.length];
    Loops.sigmoid(y, z, z.length);
    return y;
  }

  @Test
  void sigmoid_everywhere_isThatOfDoubles() {
    float[] z = new float[600_001];
    for (int i = 0; i < z.length; i++) {
      z[i] = (i - 300_000) / 10_000f;
    }
    float[] y = sigmoid(z);
    double worst = 0;
    for (int i = 0; i < z.length; i++) {
      worst = Math.max(worst, Math.abs(y[i] - 1 / (1 + Math.exp(-(double) z[i]))));
    }
    assertThat(worst).isLessThan(2e-7);
  }

  @Test
  void sigmoid_ofZerosAndTinyNumbers_isAHalf() {
    assertThat(sigmoid(0f, -0f, Float.MIN_VALUE, -1e-20f)).containsOnly(0.5f);
  }

  @Test
  void sigmoid_farOut_staysBetweenZeroAndOne() {
    float[] y = sigmoid(-30, -1e4f, -Float.MAX_VALUE, 30, 1e4f, Float.MAX_VALUE);
    for (int i = 0; i < 3; i++) {
      assertThat(y[i]).isBetween(0f, 2e-7f);
      assertThat(y[3 + i]).isBetween(1 - 2e-7f, 1f);
    }
  }

  @Test
  void sigmoid_ofWhatIsNotFinite_isItsLimit() {
    float[] y = sigmoid(Float.NaN, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY);
    assertThat(y[0]).isNaN();
    assertThat(y[1]).isCloseTo(0, within(2e-7f));
    assertThat(y[2]).isCloseTo(1, within(2e-7f));
  }

  @Test
  void sigmoid_ofFewerThanTheArraysHold_leavesTheRest() {
    float[] y = {7, 7, 7};
    Loops.sigmoid(y, new float[3], 2);
    assertThat(y).containsExactly(0.5f, 0.5f, 7);
  }

  @Test
  void timesSiluDerivative_anywhere_isThatOfDoubles() {
    float[] z = {-20, -3, -1.278f, 0, 0.5f, 4, 20};
    float[] d = {2, 2, 2, 2, 2, 2, 2};
    Loops.timesSiluDerivative(d, z, sigmoid(z), z.length);
    for (int i = 0; i < z.length; i++) {
      double s = 1 / (1 + Math.exp(-(double) z[i]));
      assertThat((double) d[i]).isCloseTo(2 * s * (1 + z[i] * (1 - s)), within(1e-5));
    }
  }

  @Test
  void sums_ofKnownNumbers_areThose() {
    float[] sums = {1, 1, 9};
    Loops.add(sums, new float[] {2, 3, 4}, 2);
    assertThat(sums).containsExactly(3, 4, 9);

    float[] squares = {1, 0};
    Loops.addSquares(squares, new float[] {5, 1}, new float[] {2, 3}, 2);
    assertThat(squares).containsExactly(10, 4);

    float[] products = {0, 1};
    Loops.addProducts(sums, products, new float[] {1, 2}, new float[] {3, 4}, 2);
    assertThat(sums).containsExactly(4, 6, 9);
    assertThat(products).containsExactly(3, 9);
  }

  @Test
  void affineFunctions_ofKnownNumbers_areThose() {
    float[] a = {5, 1};
    Loops.normalise(a, new float[] {1, 2}, new float[] {2, 3}, 2);
    assertThat(a).containsExactly(8, -3);
    Loops.affine(a, new float[] {1, 2}, new float[] {2, 3}, new float[] {10, 20}, 2);
    assertThat(a).containsExactly(24, 5);
    float[] z = new float[2];
    Loops.affineTo(z, a, new float[] {2, 3}, new float[] {1, -1}, 2);
    assertThat(z).containsExactly(49, 14);
    Loops.multiply(z, new float[] {2, -1}, 2);
    assertThat(z).containsExactly(98, -14);
    float[] d = {2, 3};
    float[] two = {2, 2};
    Loops.combine(d, new float[] {5, 6}, two, new float[] {100, 200}, new float[] {10, 20}, 2);
    assertThat(d).containsExactly(154, 326);
  }
}
