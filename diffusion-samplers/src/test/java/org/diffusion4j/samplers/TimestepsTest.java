package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Sampler;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.diffusion4j.samplers.Timesteps.Spacing;

/** The lists are those of diffusers 0.30, which rounds a half to the even neighbour. */
class TimestepsTest {

  private static final int T = 1000;

  private static final List<StepSpacing> EVEN =
      List.of(StepSpacing.LEADING, StepSpacing.LINSPACE, StepSpacing.TRAILING);

  @Example
  void leading_areMultiplesFrom0() {
    assertThat(of(10, StepSpacing.LEADING))
        .containsExactly(900, 800, 700, 600, 500, 400, 300, 200, 100, 0);
    assertThat(of(7, StepSpacing.LEADING)).containsExactly(852, 710, 568, 426, 284, 142, 0);
    assertThat(of(25, StepSpacing.LEADING))
        .containsExactly(IntStream.range(0, 25).map(i -> 960 - 40 * i).toArray());
    assertThat(of(1, StepSpacing.LEADING)).containsExactly(0);
  }

  @Example
  void linspace_includesBothEnds() {
    assertThat(of(10, StepSpacing.LINSPACE))
        .containsExactly(999, 888, 777, 666, 555, 444, 333, 222, 111, 0);
    assertThat(of(7, StepSpacing.LINSPACE)).containsExactly(999, 832, 666, 500, 333, 166, 0);
    assertThat(of(11, StepSpacing.LINSPACE))
        .containsExactly(999, 899, 799, 699, 599, 500, 400, 300, 200, 100, 0);
    assertThat(of(1, StepSpacing.LINSPACE)).containsExactly(0);
  }

  @Example
  void trailing_startAtTheEnd() {
    assertThat(of(10, StepSpacing.TRAILING))
        .containsExactly(999, 899, 799, 699, 599, 499, 399, 299, 199, 99);
    assertThat(of(7, StepSpacing.TRAILING)).containsExactly(999, 856, 713, 570, 428, 285, 142);
    assertThat(of(16, StepSpacing.TRAILING))
        .containsExactly(
            999, 937, 874, 811, 749, 687, 624, 561, 499, 437, 374, 311, 249, 187, 124, 61);
    assertThat(of(1, StepSpacing.TRAILING)).containsExactly(999);
  }

  @Example
  void everySpacing_ofTStepsIsAll() {
    int[] all = IntStream.range(0, T).map(i -> 999 - i).toArray();
    for (StepSpacing spacing : EVEN) {
      assertThat(of(T, spacing)).as("%s", spacing).containsExactly(all);
    }
    assertThat(Timesteps.all().descending(T)).containsExactly(all);
    assertThat(Timesteps.all().descending(1)).containsExactly(0);
  }

  @Example
  void offset_shiftsLeadingSteps() {
    assertThat(Timesteps.of(10, Spacing.LEADING, 1).descending(T))
        .containsExactly(901, 801, 701, 601, 501, 401, 301, 201, 101, 1);
    assertThat(Timesteps.of(10, Spacing.LEADING, 99).descending(T)).startsWith(999).endsWith(99);
  }

  @Example
  void list_isTakenAsItIs() {
    int[] given = {999, 500, 3};
    Timesteps timesteps = Timesteps.list(given);
    given[0] = 7;
    timesteps.descending(T)[1] = 8;
    assertThat(timesteps.descending(T)).containsExactly(999, 500, 3);
  }

  @Example
  void quadratic_areThoseOfThePublishedCode() {
    assertThat(of(10, StepSpacing.QUADRATIC))
        .containsExactly(800, 632, 483, 355, 246, 158, 88, 39, 9, 0);
    assertThat(of(50, StepSpacing.QUADRATIC)).startsWith(800).endsWith(5, 2, 1, 0, 0);
    assertThat(of(1, StepSpacing.QUADRATIC)).containsExactly(0);
  }

  @Example
  void distilled_areSomeOfTheDistillation() {
    assertThat(Timesteps.distilled(4, 50).descending(T)).containsExactly(999, 759, 499, 259);
    assertThat(Timesteps.distilled(1, 50).descending(T)).containsExactly(999);
    assertThat(Timesteps.distilled(5, 5).descending(10)).containsExactly(9, 7, 5, 3, 1);
  }

  private static final NoiseSchedule TEN = NoiseSchedule.linear(10, 0.01, 0.2);

  private static Level at(int t) {
    return Level.of(TEN.alphaBar(t));
  }

  @Example
  void down_goesFromEachToTheNextAndToTheEnd() {
    Level end = Level.of(0.9);
    assertThat(Timesteps.list(9, 4, 0).down(TEN, end))
        .containsExactly(
            Transition.of(0, 9, at(9), at(4), false),
            Transition.of(1, 4, at(4), at(0), false),
            Transition.of(2, 0, at(0), end, true));
    assertThat(Timesteps.list(5).down(TEN, end))
        .containsExactly(Transition.of(0, 5, at(5), end, true));
  }

  @Example
  void up_goesFromTheBeginningAndAsksAboutWhereItGoes() {
    assertThat(Timesteps.list(9, 4, 0).up(TEN, Level.CLEAN))
        .containsExactly(
            Transition.of(0, 0, Level.CLEAN, at(0), false),
            Transition.of(1, 4, at(0), at(4), false),
            Transition.of(2, 9, at(4), at(9), true));
    assertThat(Timesteps.list(5).up(TEN, Level.CLEAN))
        .containsExactly(Transition.of(0, 5, Level.CLEAN, at(5), true));
  }

  /** T in [1, 1200] and n in [1, T]. */
  record Size(int total, int n) {}

  @Provide
  Arbitrary<Size> sizes() {
    return Arbitraries.integers()
        .between(1, 1200)
        .flatMap(total -> Arbitraries.integers().between(1, total).map(n -> new Size(total, n)));
  }

  @Property(tries = 2000, seed = "1")
  void descending_isStrictlySoAndWithinTheSchedule(
      @ForAll("sizes") Size size, @ForAll StepSpacing spacing) {
    int[] steps = Timesteps.of(size.n(), Spacing.valueOf(spacing.name())).descending(size.total());
    assertThat(steps).hasSize(size.n());
    assertThat(steps[0]).isLessThan(size.total());
    assertThat(steps[size.n() - 1]).isNotNegative();
    for (int i = 1; i < steps.length; i++) {
      assertThat(steps[i]).isLessThan(steps[i - 1] + (spacing == StepSpacing.QUADRATIC ? 1 : 0));
    }
  }

  @Property(tries = 500, seed = "2")
  void ends_areThoseOfTheSpacing(@ForAll("sizes") Size size) {
    int total = size.total();
    int n = size.n();
    assertThat(Timesteps.of(n, Spacing.TRAILING).descending(total)).startsWith(total - 1);
    assertThat(Timesteps.of(n, Spacing.LEADING).descending(total)).endsWith(0);
    assertThat(Timesteps.of(n, Spacing.LINSPACE).descending(total)).endsWith(0);
    if (n > 1) {
      assertThat(Timesteps.of(n, Spacing.LINSPACE).descending(total)).startsWith(total - 1);
    }
  }

  @Property(tries = 300, seed = "3")
  void transitions_chainAndUpIsDownReversed(
      @ForAll("sizes") Size size, @ForAll StepSpacing spacing) {
    NoiseSchedule schedule = NoiseSchedule.cosine(size.total());
    var down = Timesteps.of(size.n(), Spacing.valueOf(spacing.name())).down(schedule, Level.CLEAN);
    var up = Timesteps.of(size.n(), Spacing.valueOf(spacing.name())).up(schedule, Level.CLEAN);
    int n = size.n();
    assertThat(down).hasSize(n);
    for (int i = 0; i < n; i++) {
      Transition step = down.get(i);
      assertThat(step.index()).isEqualTo(i);
      assertThat(step.from()).isEqualTo(Level.of(schedule.alphaBar((int) step.t())));
      assertThat(step.to()).isEqualTo(i + 1 < n ? down.get(i + 1).from() : Level.CLEAN);
      assertThat(step.last()).isEqualTo(i == n - 1);
      assertThat(up.get(n - 1 - i))
          .isEqualTo(Transition.of(n - 1 - i, step.t(), step.to(), step.from(), i == 0));
    }
  }

  /** T in [1, 1200] and n in [1, T], for methods that divide the way into parts. */
  @Property(tries = 500, seed = "4")
  void intervals_areStrictlyDecreasingAndLeaveOutZero(
      @ForAll("sizes") Size size, @ForAll("even") StepSpacing spacing) {
    double[] t = spacing.intervals(size.total(), size.total(), size.n());
    assertThat(t).hasSize(size.n());
    assertThat(t[0]).isLessThan(size.total());
    for (int i = 1; i < t.length; i++) {
      assertThat(t[i]).isLessThan(t[i - 1]);
    }
    if (spacing != StepSpacing.TRAILING && size.n() < size.total()) {
      assertThat(t[t.length - 1]).isPositive();
    }
  }

  @Provide
  Arbitrary<StepSpacing> even() {
    return Arbitraries.of(EVEN);
  }

  /** Every size there is. */
  @Example
  void rounding_neverMakesTwoStepsOne() {
    for (int total = 1; total <= 300; total++) {
      for (int n = 1; n <= total; n++) {
        for (StepSpacing spacing : EVEN) {
          int[] steps = Timesteps.of(n, Spacing.valueOf(spacing.name())).descending(total);
          boolean strict = IntStream.range(1, n).allMatch(i -> steps[i] < steps[i - 1]);
          assertThat(strict).as("%s of %s, %s", n, total, spacing).isTrue();
        }
      }
    }
  }

  @Example
  void steps_outsideOf1ToTAreRefused() {
    assertRefused(() -> Timesteps.of(0, Spacing.LEADING), "steps must be at least 1 but were 0");
    assertRefused(() -> Timesteps.of(-3, Spacing.TRAILING), "steps must be at least 1 but were -3");
    for (StepSpacing spacing : StepSpacing.values()) {
      assertRefused(
          () -> Timesteps.of(11, Spacing.valueOf(spacing.name())).descending(10),
          "steps must be at most the schedule's, 10, but were 11");
    }
  }

  @Example
  void offset_beyondTheScheduleIsRefused() {
    assertRefused(
        () -> Timesteps.of(10, Spacing.LEADING, 100).descending(T),
        "timesteps must be in [0, 999] but one is 1000");
    assertRefused(
        () -> Timesteps.of(T, Spacing.LEADING, 1).descending(T),
        "timesteps must be in [0, 999] but one is 1000");
  }

  @Example
  void offset_belowZeroOrOfAnotherSpacingIsRefused() {
    assertRefused(
        () -> Timesteps.of(10, Spacing.LEADING, -1),
        "offset must be at least 0, and 0 but for leading spacing, but was -1 for LEADING");
    assertRefused(
        () -> Timesteps.of(10, Spacing.TRAILING, 1),
        "offset must be at least 0, and 0 but for leading spacing, but was 1 for TRAILING");
    assertRefused(
        () -> Timesteps.of(10, Spacing.LINSPACE, 2),
        "offset must be at least 0, and 0 but for leading spacing, but was 2 for LINSPACE");
  }

  @Example
  void list_thatIsEmptyOrDoesNotDecreaseOrLeavesTheScheduleIsRefused() {
    assertRefused(Timesteps::list, "timesteps must not be empty");
    assertRefused(
        () -> Timesteps.list(5, 3, 3), "timesteps must decrease strictly but 3 follows 3");
    assertRefused(() -> Timesteps.list(1, 2), "timesteps must decrease strictly but 2 follows 1");
    assertRefused(
        () -> Timesteps.list(10, 2).descending(10), "timesteps must be in [0, 9] but one is 10");
    assertRefused(
        () -> Timesteps.list(3, -1).descending(10), "timesteps must be in [0, 9] but one is -1");
  }

  @Example
  void sigmas_thatAreNotPositiveAndDecreasingAreRefused() {
    assertRefused(Timesteps::sigmas, "sigmas must not be empty");
    assertRefused(
        () -> Timesteps.sigmas(3, 3), "sigmas must decrease strictly but 3.0 follows 3.0");
    assertRefused(
        () -> Timesteps.sigmas(1, 2), "sigmas must decrease strictly but 2.0 follows 1.0");
    for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefused(
          () -> Timesteps.sigmas(bad), "sigmas must be positive and finite but one is " + bad);
    }
    assertRefused(() -> Timesteps.of(0, Spacing.KARRAS), "steps must be at least 1 but were 0");
    assertRefused(
        () -> Timesteps.of(11, Spacing.BETA).nodes(TEN, FinalSigma.ZERO),
        "steps must be at most the schedule's, 10, but were 11");
    assertRefused(
        () -> Timesteps.of(11, Spacing.BETA).withLambdaMin(-9).intervals(TEN, FinalSigma.ZERO),
        "steps must be at most the schedule's, 10, but were 11");
  }

  @Example
  void trailing_neverGoBelowZero() {
    // 580 times 5 / 3 from 967 is less than half a timestep away from 0.
    double[] t = StepSpacing.TRAILING.intervals(967, T, 600);
    assertThat(t).hasSize(580).startsWith(966).endsWith(1);
  }

  @Example
  void levels_ofASingleStepAreTheHighest() {
    double highest = TEN.sigma(9);
    for (Timesteps one :
        List.of(
            Timesteps.of(1, Spacing.LINSPACE),
            Timesteps.of(1, Spacing.TRAILING),
            Timesteps.of(1, Spacing.KARRAS))) {
      NoiseLevels levels = one.nodes(TEN, FinalSigma.ZERO);
      assertThat(levels.levels()[0].sigma()).as("%s", one).isCloseTo(highest, within(1e-9));
      assertThat(levels.t()).containsExactly(9);
    }
  }

  @Example
  void withFirst_spacesFromThere() {
    NoiseSchedule schedule = NoiseSchedule.linear(T);
    Timesteps trailing = Timesteps.of(6, Spacing.TRAILING).withFirst(599);
    assertThat(trailing.descending(schedule)).containsExactly(599, 499, 399, 299, 199, 99);
    assertThat(trailing.nodes(schedule, FinalSigma.ZERO).t()).startsWith(599).endsWith(99);
    assertThat(trailing.intervals(schedule, FinalSigma.ZERO).t())
        .containsExactly(599, 432, 266, 99);
    assertThat(Timesteps.of(5, Spacing.LINSPACE).withFirst(400).descending(schedule))
        .containsExactly(400, 300, 200, 100, 0);
    assertThat(Timesteps.list(900, 599, 10).withFirst(599).descending(schedule))
        .containsExactly(599, 10);
    assertThat(Timesteps.of(4, Spacing.KARRAS).withFirst(599).nodes(schedule, FinalSigma.ZERO).t())
        .startsWith(599);
    assertThat(trailing).hasToString("Timesteps[6, TRAILING+0, first at most 599]");
  }

  @Example
  void withFirst_outsideOfTheSchedule_isRefused() {
    Timesteps six = Timesteps.of(6, Spacing.TRAILING);
    assertRefused(() -> six.withFirst(-1), "first timestep must be at least 0 but was -1");
    assertRefused(
        () -> six.withFirst(T).descending(NoiseSchedule.linear(T)),
        "first timestep must be in [0, 999] but was 1000");
    assertRefused(
        () -> Timesteps.list(9, 6).withFirst(5).descending(TEN),
        "a timestep must be within the limits but none is of Timesteps[9, 6, first at most 5]");
  }

  @Example
  void list_isWithoutTimestepsBelowALambda() {
    double lambda = 0.5 * TEN.logSnr(4);
    Timesteps list = Timesteps.list(9, 6, 4, 1).withLambdaMin(lambda - 1e-9);
    assertThat(list.intervals(TEN, FinalSigma.ZERO).t()).containsExactly(4, 1);
    assertThat(list.nodes(TEN, FinalSigma.ZERO).t()).containsExactly(4, 1);
    assertThat(list.descending(TEN)).containsExactly(4, 1);
    assertRefused(
        () -> Timesteps.list(9, 6).withLambdaMin(lambda - 1e-9).intervals(TEN, FinalSigma.ZERO),
        "lambda of a timestep must be at least the minimum, "
            + (lambda - 1e-9)
            + ", but none was of Timesteps[9, 6, lambda from "
            + (lambda - 1e-9)
            + "]");
  }

  @Example
  void levels_ofAListAreThoseOfTheSchedule() {
    NoiseLevels levels = Timesteps.list(9, 4).nodes(TEN, FinalSigma.MIN);
    assertThat(levels.t()).containsExactly(9, 4);
    assertThat(levels.levels()).hasSize(3);
    assertThat(levels.levels()[0].sigma()).isCloseTo(TEN.sigma(9), within(1e-12));
    assertThat(levels.levels()[1].sigma()).isCloseTo(TEN.sigma(4), within(1e-12));
    assertThat(levels.levels()[2].sigma()).isCloseTo(TEN.sigma(0), within(1e-12));
    assertRefused(
        () -> Timesteps.list(10).nodes(TEN, FinalSigma.ZERO),
        "timesteps must be in [0, 9] but one is 10");
  }

  @Example
  void levels_ofEverySpacingRunFromTheHighestToTheLowestAndAreFoundAgain() {
    SigmaCurve curve = new SigmaCurve(TEN);
    for (SigmaSpacing spacing : SigmaSpacing.values()) {
      NoiseLevels levels =
          Timesteps.of(7, Spacing.valueOf(spacing.name())).nodes(TEN, FinalSigma.ZERO);
      assertThat(levels.levels()[0].sigma()).isCloseTo(TEN.sigma(9), within(1e-9));
      assertThat(levels.levels()[6].sigma()).isCloseTo(TEN.sigma(0), within(1e-9));
      assertThat(levels.levels()[7]).isEqualTo(Level.CLEAN);
      for (int i = 0; i < 7; i++) {
        assertThat(levels.t()[i]).isCloseTo(curve.t(levels.levels()[i].sigma()), within(1e-9));
        assertThat(levels.t()[i]).isBetween(0.0, 9.0);
      }
    }
  }

  /** The quantiles of SciPy's {@code beta.ppf(p, 0.6, 0.6)} have these shares below them. */
  @Example
  void betaQuantile_isSymmetricAndInvertsTheDistribution() {
    assertThat(BetaQuantile.of(0)).isZero();
    assertThat(BetaQuantile.of(1)).isEqualTo(1);
    assertThat(BetaQuantile.of(0.5)).isCloseTo(0.5, within(1e-12));
    for (double share : new double[] {1e-6, 0.01, 0.1, 0.3, 0.49}) {
      double x = BetaQuantile.of(share);
      assertThat(BetaQuantile.of(1 - share)).isCloseTo(1 - x, within(1e-9));
      assertThat(shareBelow(x)).isCloseTo(share, within(1e-6));
    }
  }

  /** By the midpoint rule in u, x = u^5, which takes the pole at 0 away. */
  private static double shareBelow(double x) {
    return integral(x) / (2 * integral(0.5));
  }

  private static double integral(double x) {
    int n = 20_000;
    double top = Math.pow(x, 0.2);
    double sum = 0;
    for (int i = 0; i < n; i++) {
      double u = top * (i + 0.5) / n;
      sum += 5 * u * u * Math.pow(1 - Math.pow(u, 5), -0.4);
    }
    return sum * top / n;
  }

  @Example
  void noiseLevels_areRefusedByMethodsThatTakeTimesteps() {
    for (Sampler sampler :
        List.of(
            new DdimSampler(Timesteps.of(5, Spacing.KARRAS), 0),
            DdpmSampler.of(DdpmSampler.Variance.BETA, Timesteps.of(5, Spacing.KARRAS)),
            new PndmSampler(Timesteps.of(5, Spacing.KARRAS)),
            new LcmSampler(Timesteps.of(5, Spacing.KARRAS)))) {
      assertRefused(
          () -> ((LoopSampler<?, ?>) sampler).transitions(TEN),
          "this method takes whole timesteps but was given noise levels, Timesteps[5,"
              + " LINSPACE+0, sigmas KARRAS]");
    }
    assertRefused(
        () -> new HeunSampler(Timesteps.of(5, Spacing.QUADRATIC)).transitions(TEN),
        "spacing of a method that works with noise levels must not be QUADRATIC");
    assertRefused(
        () -> new HeunSampler(Timesteps.distilled(2, 5)).transitions(TEN),
        "this method cannot take the timesteps of a distillation, Timesteps[2 of 5]");
  }

  @Example
  void toString_saysWhich() {
    assertThat(Timesteps.list(3, 1)).hasToString("Timesteps[3, 1]");
    assertThat(Timesteps.of(4, Spacing.LEADING, 1)).hasToString("Timesteps[4, LEADING+1]");
  }

  private static int[] of(int n, StepSpacing spacing) {
    return Timesteps.of(n, Spacing.valueOf(spacing.name())).descending(T);
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessage(message);
  }
}
