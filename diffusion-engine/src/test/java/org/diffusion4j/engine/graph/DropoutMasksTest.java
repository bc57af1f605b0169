package org.diffusion4j.engine.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DropoutMasksTest {

  private static final long[] SHAPE = {4, 24, 32, 32};
  private static final int LENGTH = 4 * 24 * 32 * 32;

  private static float[] factors(long seed, int firstSample, double probability, int layer) {
    return new DropoutMasks(seed, firstSample, probability).factors(layer, SHAPE);
  }

  private static int zeros(float[] factors) {
    int zeros = 0;
    for (float factor : factors) {
      zeros += factor == 0 ? 1 : 0;
    }
    return zeros;
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.001, 0.1, 0.5, 0.9})
  void factors_ofAnyProbability_areZeroInThatShare(double p) {
    float[] factors = factors(1, 0, p, 0);
    for (float factor : factors) {
      assertThat(factor == 0 || factor == (float) (1 / (1 - p))).isTrue();
    }
    // Five deviations.
    double deviation = Math.sqrt(LENGTH * p * (1 - p));
    assertThat((double) zeros(factors)).isCloseTo(LENGTH * p, within(5 * deviation));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5})
  void factors_onAverage_areOne(double p) {
    double sum = 0;
    for (float factor : factors(2, 0, p, 0)) {
      sum += factor;
    }
    double deviation = Math.sqrt(p / (1 - p) / LENGTH);
    assertThat(sum / LENGTH).isCloseTo(1, within(5 * deviation));
  }

  /** Checks that two masks of one half agree in one half of their values. */
  private static void independent(float[] a, float[] b) {
    int n = Math.min(a.length, b.length);
    int agree = 0;
    for (int i = 0; i < n; i++) {
      agree += a[i] == b[i] ? 1 : 0;
    }
    assertThat((double) agree).isCloseTo(n / 2.0, within(5 * Math.sqrt(n) / 2));
  }

  @Test
  void factors_ofOtherSeedsLayersSamplesAndPlaces_areIndependent() {
    float[] one = factors(1, 0, 0.5, 0);
    independent(one, factors(2, 0, 0.5, 0));
    independent(one, factors(1, 0, 0.5, 1));
    independent(one, factors(1, 1, 0.5, 0));
    independent(one, factors(0, 0, 0.5, 1));
    for (int shift : new int[] {1, 2, 32, 1024, LENGTH / 8}) {
      independent(one, Arrays.copyOfRange(one, shift, LENGTH));
    }
  }

  @Test
  void factors_ofASample_dependOnItsNumberAlone() {
    float[] all = factors(7, 0, 0.3, 2);
    float[] later = factors(7, 3, 0.3, 2);
    int sample = LENGTH / 4;
    assertThat(Arrays.copyOf(later, sample))
        .isEqualTo(Arrays.copyOfRange(all, 3 * sample, 4 * sample));
  }

  @Test
  void factors_ofProbabilityZero_areOnes() {
    assertThat(factors(1, 0, 0, 0)).containsOnly(1);
  }
}
