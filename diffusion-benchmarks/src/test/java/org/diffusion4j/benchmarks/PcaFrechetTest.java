package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class PcaFrechetTest {

  /** Variances 8 and 2 over the four points, in axes that are turned. */
  private static final double[][] REFERENCE = turned(Math.sqrt(12), Math.sqrt(3));

  private final PcaFrechet distance = new PcaFrechet(REFERENCE);

  /** Points at a distance of 0 on two axes at an angle, around (5, 6). */
  private static double[][] turned(double a, double b) {
    double c = 0.8;
    double s = 0.6;
    return new double[][] {
      {5 + c * a, 6 + s * a}, {5 - c * a, 6 - s * a}, {5 - s * b, 6 + c * b}, {5 + s * b, 6 - c * b}
    };
  }

  @Test
  void of_theReference_isZero() {
    assertThat(distance.of(REFERENCE)).isCloseTo(0, within(1e-12));
  }

  @Test
  void of_shiftedSamples_isTheSquareOfTheShift() {
    double[][] shifted = new double[4][];
    for (int i = 0; i < 4; i++) {
      shifted[i] = new double[] {REFERENCE[i][0] + 3, REFERENCE[i][1] - 4};
    }
    assertThat(distance.of(shifted)).isCloseTo(25, within(1e-10));
  }

  @Test
  void of_widerSamples_isTheSquaredDifferenceOfDeviations() {
    assertThat(distance.of(turned(3 * Math.sqrt(12), Math.sqrt(3))))
        .isCloseTo(4 * 8, within(1e-10));
  }

  @Test
  void of_samplesWithTheirAxesExchanged_isThatOfBoth() {
    double difference = Math.sqrt(8) - Math.sqrt(2);
    assertThat(distance.of(turned(Math.sqrt(3), Math.sqrt(12))))
        .isCloseTo(2 * difference * difference, within(1e-10));
  }

  @Test
  void of_samplesThatDifferBeyondTheLeadingComponents_isZero() {
    Random random = new Random(1);
    double[][] reference = new double[60][40];
    double[][] samples = new double[60][40];
    for (int i = 0; i < 60; i++) {
      for (int j = 0; j < 40; j++) {
        reference[i][j] = j < 32 ? random.nextGaussian() : 0;
        samples[i][j] = j < 32 ? reference[i][j] : 7;
      }
    }
    assertThat(new PcaFrechet(reference).of(samples)).isCloseTo(0, within(1e-10));
  }
}
