package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.data.Offset;

/** What holds of every schedule. */
class NoiseScheduleLawsTest {

  @Provide
  Arbitrary<NoiseSchedule> schedules() {
    return Schedules.any();
  }

  @Provide
  Arbitrary<NoiseSchedule> zeroTerminalSnr() {
    return Schedules.withZeroTerminalSnr();
  }

  @Property(tries = 200, seed = "1")
  void beta_isBetween0And1(@ForAll("schedules") NoiseSchedule schedule) {
    for (int t = 0; t < schedule.steps(); t++) {
      assertThat(schedule.beta(t)).isBetween(Double.MIN_VALUE, Math.nextDown(1.0));
      assertThat(schedule.alpha(t)).isEqualTo(1 - schedule.beta(t));
    }
  }

  @Property(tries = 200, seed = "2")
  void alphaBar_isTheDecreasingProductOfAlphas(@ForAll("schedules") NoiseSchedule schedule) {
    assertThat(schedule.alphaBar(-1)).isEqualTo(1);
    double logProduct = 0;
    for (int t = 0; t < schedule.steps(); t++) {
      double alphaBar = schedule.alphaBar(t);
      assertThat(alphaBar).isPositive().isLessThan(schedule.alphaBar(t - 1));
      logProduct += Math.log1p(-schedule.beta(t));
      assertThat(Math.log(alphaBar)).isCloseTo(logProduct, relative(logProduct, 1e-9));
    }
  }

  @Property(tries = 200, seed = "3")
  void posteriorVariance_isAtMostBeta(@ForAll("schedules") NoiseSchedule schedule) {
    assertThat(schedule.posteriorVariance(0)).isZero();
    for (int t = 1; t < schedule.steps(); t++) {
      double beta = schedule.beta(t);
      assertThat(schedule.posteriorVariance(t))
          .isPositive()
          .isLessThanOrEqualTo(beta * (1 + 1e-15));
    }
  }

  @Property(tries = 200, seed = "4")
  void noiseLevels_agreeWithAlphaBar(@ForAll("schedules") NoiseSchedule schedule) {
    for (int t = 0; t < schedule.steps(); t++) {
      double snr = schedule.snr(t);
      double sigma = schedule.sigma(t);
      assertThat(snr / (1 + snr))
          .isCloseTo(schedule.alphaBar(t), relative(schedule.alphaBar(t), 1e-12));
      assertThat(sigma * sigma * snr).isCloseTo(1, within(1e-12));
      assertThat(schedule.logSnr(t)).isCloseTo(-2 * Math.log(sigma), within(1e-9));
      assertThat(snr).isLessThan(schedule.snr(t - 1));
      assertThat(sigma).isGreaterThan(schedule.sigma(t - 1));
    }
  }

  @Property(tries = 200, seed = "5")
  void ofBetas_ofItsBetasIsEqual(@ForAll("schedules") NoiseSchedule schedule) {
    double[] betas = new double[schedule.steps()];
    double[] alphaBars = new double[schedule.steps()];
    for (int t = 0; t < betas.length; t++) {
      betas[t] = schedule.beta(t);
      alphaBars[t] = schedule.alphaBar(t);
    }
    NoiseSchedule again = NoiseSchedule.ofBetas(betas);
    assertThat(again).isEqualTo(schedule).hasSameHashCodeAs(schedule);
    NoiseSchedule fromAlphaBars = NoiseSchedule.ofAlphaBars(alphaBars);
    for (int t = 0; t < betas.length; t++) {
      assertThat(fromAlphaBars.alphaBar(t)).isEqualTo(schedule.alphaBar(t));
      assertThat(fromAlphaBars.beta(t)).isCloseTo(schedule.beta(t), within(1e-15));
    }
  }

  @Property(tries = 200, seed = "6")
  void withZeroTerminalSnr_keepsTheStartAndEndsWithoutSignal(
      @ForAll("zeroTerminalSnr") NoiseSchedule schedule) {
    int last = schedule.steps() - 1;
    assertThat(schedule.alphaBar(last)).isZero();
    assertThat(schedule.beta(last)).isEqualTo(1);
    assertThat(schedule.snr(last)).isZero();
    assertThat(schedule.sigma(last)).isInfinite();
    double logProduct = 0;
    for (int t = 0; t < last; t++) {
      assertThat(schedule.beta(t)).isBetween(Double.MIN_VALUE, Math.nextDown(1.0));
      assertThat(schedule.alphaBar(t)).isPositive().isLessThan(schedule.alphaBar(t - 1));
      logProduct += Math.log1p(-schedule.beta(t));
      assertThat(Math.log(schedule.alphaBar(t))).isCloseTo(logProduct, relative(logProduct, 1e-9));
    }
  }

  @Property(tries = 100, seed = "7")
  void withZeroTerminalSnr_keepsAlphaBarOfTheFirstStep(
      @ForAll("schedules") NoiseSchedule schedule) {
    if (schedule.steps() > 1) {
      double first = schedule.alphaBar(0);
      assertThat(schedule.withZeroTerminalSnr().alphaBar(0))
          .isCloseTo(first, relative(first, 1e-12));
    }
  }

  @Property(tries = 300, seed = "8")
  void linear_endsAboutWhereItEndsFor1000(@ForAll @IntRange(min = 50, max = 2000) int steps) {
    double end = NoiseSchedule.linear(steps).alphaBar(steps - 1);
    double factor = steps >= 100 ? 2 : 6;
    assertThat(end).isBetween(4.035829765375676e-05 / factor, 4.035829765375676e-05 * factor);
  }

  /** Of a value, but not below what rounding alone does. */
  private static Offset<Double> relative(double value, double tolerance) {
    return within(Math.max(Math.abs(value) * tolerance, 1e-15));
  }
}
