package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.Prediction.EPSILON;
import static org.diffusion4j.Prediction.SAMPLE;
import static org.diffusion4j.Prediction.SCORE;
import static org.diffusion4j.Prediction.VELOCITY;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import org.assertj.core.data.Percentage;
import org.diffusion4j.Prediction;
import org.diffusion4j.training.Loss.Weighting;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class WeightingTest {

  private static final Percentage ROUNDING = Percentage.withPercentage(1e-10);

  @Provide
  Arbitrary<Weighting> conversions() {
    return Arbitraries.of(
        Weighting.minSnr(5),
        Weighting.minSnr(0.3),
        Weighting.truncatedSnr(),
        Weighting.p2(1, 1),
        Weighting.p2(0.2, 0.5));
  }

  @Property
  void of_otherPredictions_isDividedAsTheirErrorsAreLarger(
      @ForAll("conversions") Weighting weighting,
      @ForAll @DoubleRange(min = -14, max = 12) double logSnr) {
    double snr = Math.exp(logSnr);
    double ofX0 = weighting.of(SAMPLE, snr);
    assertThat(weighting.of(EPSILON, snr)).isCloseTo(ofX0 / snr, ROUNDING);
    assertThat(weighting.of(VELOCITY, snr)).isCloseTo(ofX0 / (snr + 1), ROUNDING);
  }

  @Test
  void simple_isOne() {
    for (Prediction prediction : Prediction.values()) {
      assertThat(Weighting.simple().of(prediction, 0)).isEqualTo(1);
      assertThat(Weighting.simple().of(prediction, 7)).isEqualTo(1);
    }
  }

  @Test
  void minSnr_belowAndAboveGamma_isTheSmaller() {
    Weighting weighting = Weighting.minSnr(5);
    assertThat(weighting.of(SAMPLE, 3)).isEqualTo(3);
    assertThat(weighting.of(SAMPLE, 20)).isEqualTo(5);
    assertThat(weighting.of(EPSILON, 3)).isEqualTo(1);
    assertThat(weighting.of(EPSILON, 20)).isEqualTo(0.25);
    assertThat(weighting.of(VELOCITY, 3)).isEqualTo(0.75);
    assertThat(weighting.of(VELOCITY, 19)).isEqualTo(0.25);
  }

  @Test
  void truncatedSnr_belowAndAboveOne_isTheLarger() {
    Weighting weighting = Weighting.truncatedSnr();
    assertThat(weighting.of(SAMPLE, 0.25)).isEqualTo(1);
    assertThat(weighting.of(SAMPLE, 4)).isEqualTo(4);
    assertThat(weighting.of(EPSILON, 0.25)).isEqualTo(4);
    assertThat(weighting.of(EPSILON, 4)).isEqualTo(1);
    assertThat(weighting.of(VELOCITY, 0.25)).isEqualTo(0.8);
    assertThat(weighting.of(VELOCITY, 4)).isEqualTo(0.8);
  }

  @Test
  void p2_ofTheNoise_isThatOfThePaper() {
    assertThat(Weighting.p2(1, 1).of(EPSILON, 3)).isEqualTo(0.25);
    assertThat(Weighting.p2(1, 0.5).of(EPSILON, 3)).isEqualTo(0.5);
    assertThat(Weighting.p2(2, 2).of(EPSILON, 3)).isCloseTo(0.04, within(1e-15));
    assertThat(Weighting.p2(1, 1).of(SAMPLE, 3)).isEqualTo(0.75);
    assertThat(Weighting.p2(1, 1).of(VELOCITY, 3)).isEqualTo(0.1875);
    assertThat(Weighting.p2(1, 0).of(EPSILON, 3)).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void of_noSignalAtAll_isTheLimit(Prediction prediction) {
    boolean noise = prediction == EPSILON || prediction == SCORE;
    assertThat(Weighting.minSnr(5).of(prediction, 0)).isEqualTo(noise ? 1 : 0);
    assertThat(Weighting.p2(2, 1).of(prediction, 0)).isEqualTo(noise ? 0.5 : 0);
    assertThat(Weighting.truncatedSnr().of(prediction, 0))
        .isEqualTo(noise ? Double.POSITIVE_INFINITY : 1);
  }

  @Test
  void toString_ofEach_describesIt() {
    assertThat(Weighting.simple()).hasToString("simple");
    assertThat(Weighting.minSnr(5)).hasToString("minSnr(gamma=5.0)");
    assertThat(Weighting.truncatedSnr()).hasToString("truncatedSnr");
    assertThat(Weighting.p2(1, 0.5)).hasToString("p2(k=1.0, gamma=0.5)");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void minSnr_ofNoPositiveGamma_refuses(double gamma) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Weighting.minSnr(gamma))
        .withMessage("gamma must be positive and finite but was " + gamma);
  }

  @Test
  void p2_outOfRange_refuses() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Weighting.p2(0, 1))
        .withMessage("k must be positive and finite but was 0.0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Weighting.p2(1, -0.5))
        .withMessage("gamma must be finite and at least 0 but was -0.5");
  }
}
