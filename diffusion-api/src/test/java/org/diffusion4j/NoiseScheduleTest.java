package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NoiseScheduleTest {

  private static final NoiseSchedule TEN = NoiseSchedule.cosine(10);

  @Test
  void oneStep_hasTheFirstBeta() {
    assertThat(NoiseSchedule.linear(1, 0.1, 0.9).beta(0)).isEqualTo(0.1);
    assertThat(NoiseSchedule.scaledLinear(1, 0.25, 0.9).beta(0)).isEqualTo(0.25);
    assertThat(NoiseSchedule.cosine(1).beta(0)).isEqualTo(0.999);
  }

  @Test
  void linear_of21StepsIsTheShortest() {
    assertThat(NoiseSchedule.linear(21).beta(20)).isLessThan(1).isGreaterThan(0.95);
    assertRefused(() -> NoiseSchedule.linear(20), "at least 21", "was 20");
  }

  @Test
  void cosine_capsBetaAt0999() {
    for (int steps : new int[] {1, 2, 10, 1000}) {
      NoiseSchedule schedule = NoiseSchedule.cosine(steps);
      assertThat(schedule.beta(steps - 1)).isEqualTo(0.999);
    }
  }

  @Test
  void cleanSample_hasAllSignalAndNoNoise() {
    assertThat(TEN.alphaBar(-1)).isEqualTo(1);
    assertThat(TEN.sigma(-1)).isZero();
    assertThat(TEN.snr(-1)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(TEN.logSnr(-1)).isEqualTo(Double.POSITIVE_INFINITY);
  }

  @Test
  void withZeroTerminalSnr_twiceIsOnce() {
    NoiseSchedule once = TEN.withZeroTerminalSnr();
    NoiseSchedule twice = once.withZeroTerminalSnr();
    for (int t = 0; t < 10; t++) {
      assertThat(twice.alphaBar(t)).isCloseTo(once.alphaBar(t), within(1e-15));
    }
    assertThat(once.logSnr(9)).isEqualTo(Double.NEGATIVE_INFINITY);
    assertThat(once.posteriorVariance(9)).isBetween(0.0, 1.0);
  }

  @Test
  void schedule_keepsItsValuesWhenTheCallersArrayChanges() {
    double[] betas = {0.1, 0.2};
    NoiseSchedule ofBetas = NoiseSchedule.ofBetas(betas);
    Arrays.fill(betas, 0.5);
    assertThat(ofBetas.beta(1)).isEqualTo(0.2);
    double[] alphaBars = {0.9, 0.5};
    NoiseSchedule ofAlphaBars = NoiseSchedule.ofAlphaBars(alphaBars);
    Arrays.fill(alphaBars, 0.1);
    assertThat(ofAlphaBars.alphaBar(1)).isEqualTo(0.5);
  }

  @Test
  void equals_ofEqualBetas() {
    assertThat(NoiseSchedule.linear(1000))
        .isEqualTo(NoiseSchedule.linear(1000, 1e-4, 0.02))
        .hasSameHashCodeAs(NoiseSchedule.linear(1000, 1e-4, 0.02))
        .isNotEqualTo(NoiseSchedule.linear(999))
        .isNotEqualTo("linear");
    assertThat(NoiseSchedule.ofBetas(0.5, 0.25))
        .hasToString("NoiseSchedule[steps=2, beta=0.5..0.25, last alphaBar=0.375]");
  }

  @ParameterizedTest
  @ValueSource(ints = {-2, 10, 15, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void timestep_outOfRangeIsRefusedByEveryMethod(int t) {
    String value = "was " + t;
    assertRefused(() -> TEN.beta(t), "timestep", "[0, 9]", value);
    assertRefused(() -> TEN.alpha(t), "timestep", "[0, 9]", value);
    assertRefused(() -> TEN.posteriorVariance(t), "timestep", "[0, 9]", value);
    assertRefused(() -> TEN.alphaBar(t), "timestep", "[-1, 9]", value);
    assertRefused(() -> TEN.sigma(t), "timestep", "[-1, 9]", value);
    assertRefused(() -> TEN.snr(t), "timestep", "[-1, 9]", value);
    assertRefused(() -> TEN.logSnr(t), "timestep", "[-1, 9]", value);
  }

  @Test
  void timestep_ofTheCleanSampleHasNoBeta() {
    assertRefused(() -> TEN.beta(-1), "timestep", "[0, 9]", "was -1");
    assertRefused(() -> TEN.alpha(-1), "timestep", "[0, 9]", "was -1");
    assertRefused(() -> TEN.posteriorVariance(-1), "timestep", "[0, 9]", "was -1");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void steps_belowOneAreRefused(int steps) {
    String value = "was " + steps;
    assertRefused(() -> NoiseSchedule.linear(steps), "steps", "at least 1", value);
    assertRefused(() -> NoiseSchedule.linear(steps, 0.1, 0.2), "steps", "at least 1", value);
    assertRefused(() -> NoiseSchedule.scaledLinear(steps, 0.1, 0.2), "steps", "at least 1", value);
    assertRefused(() -> NoiseSchedule.cosine(steps), "steps", "at least 1", value);
    assertRefused(() -> NoiseSchedule.sigmoid(steps), "steps", "at least 1", value);
    assertRefused(() -> NoiseSchedule.sigmoid(steps, 0.1, 0.2), "steps", "at least 1", value);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0.02",
    "-1, 0.02",
    "NaN, 0.02",
    "1, 0.02",
    "1.5, 0.02",
    "-1e-5, 0.5",
    "-0.0, 0.02",
    "1e-4, 0",
    "1e-4, -0.5",
    "1e-4, NaN",
    "0.1, 1",
    "0.1, Infinity",
    "-3, -2"
  })
  void ends_outOfRangeAreRefusedAsGiven(double first, double last) {
    String values = first + " and " + last;
    for (int steps : new int[] {1, 2, 1000}) {
      assertRefused(() -> NoiseSchedule.linear(steps, first, last), "beta", "(0, 1)", values);
      assertRefused(() -> NoiseSchedule.scaledLinear(steps, first, last), "beta", "(0, 1)", values);
      assertRefused(() -> NoiseSchedule.sigmoid(steps, first, last), "beta", "(0, 1)", values);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -0.1, 1.5, Double.NaN, Double.POSITIVE_INFINITY})
  void ofBetas_outOfRangeIsRefused(double beta) {
    assertRefused(
        () -> NoiseSchedule.ofBetas(0.1, 0.2, beta), "beta", "(0, 1)", "was " + beta, "step 2");
  }

  @Test
  void ofBetas_thatDoubleCannotHoldAreRefused() {
    assertRefused(() -> NoiseSchedule.ofBetas(1e-17), "1.0 before it", "beta 1.0E-17", "step 0");
    double[] large = new double[1000];
    Arrays.fill(large, 0.9);
    assertRefused(() -> NoiseSchedule.ofBetas(large), "positive", "beta 0.9", "at step 3");
  }

  @Test
  void ofBetas_emptyIsRefused() {
    assertRefused(() -> NoiseSchedule.ofBetas(), "steps", "at least 1", "was 0");
    assertRefused(() -> NoiseSchedule.ofAlphaBars(), "steps", "at least 1", "was 0");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 0.6, 1, -0.1, Double.NaN, Double.POSITIVE_INFINITY})
  void ofAlphaBars_notBelowTheOneBeforeIsRefused(double alphaBar) {
    assertRefused(
        () -> NoiseSchedule.ofAlphaBars(0.9, 0.5, alphaBar),
        "alphaBar",
        "less than the 0.5 before it",
        "was " + alphaBar,
        "step 2");
  }

  @Test
  void ofAlphaBars_mayBe0OnlyAtTheEnd() {
    assertThat(NoiseSchedule.ofAlphaBars(0.5, 0).beta(1)).isEqualTo(1);
    assertRefused(
        () -> NoiseSchedule.ofAlphaBars(0.5, 0, 0), "must be positive", "was 0.0", "step 1");
    assertRefused(() -> NoiseSchedule.ofAlphaBars(1), "less than the 1.0", "was 1.0", "step 0");
  }

  @Test
  void withZeroTerminalSnr_ofOneStepIsRefused() {
    assertRefused(
        () -> NoiseSchedule.cosine(1).withZeroTerminalSnr(), "steps", "at least 2", "was 1");
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
