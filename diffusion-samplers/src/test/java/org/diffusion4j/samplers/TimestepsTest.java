package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** The lists are those of diffusers 0.30, which rounds a half to the even neighbour. */
class TimestepsTest {

  private static final int T = 1000;

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
    for (StepSpacing spacing : StepSpacing.values()) {
      assertThat(of(T, spacing)).as("%s", spacing).containsExactly(all);
    }
    assertThat(Timesteps.all().descending(T)).containsExactly(all);
    assertThat(Timesteps.all().descending(1)).containsExactly(0);
  }

  @Example
  void offset_shiftsLeadingSteps() {
    assertThat(Timesteps.of(10, StepSpacing.LEADING, 1).descending(T))
        .containsExactly(901, 801, 701, 601, 501, 401, 301, 201, 101, 1);
    assertThat(Timesteps.of(10, StepSpacing.LEADING, 99).descending(T))
        .startsWith(999)
        .endsWith(99);
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
  void down_goesFromEachToTheNextAndToTheCleanSample() {
    assertThat(Timesteps.list(9, 4, 0).down(10))
        .containsExactly(
            new Transition(9, 9, 4, false),
            new Transition(4, 4, 0, false),
            new Transition(0, 0, -1, true));
    assertThat(Timesteps.list(5).down(10)).containsExactly(new Transition(5, 5, -1, true));
  }

  @Example
  void up_goesFromTheCleanSampleAndAsksAboutWhereItGoes() {
    assertThat(Timesteps.list(9, 4, 0).up(10))
        .containsExactly(
            new Transition(0, -1, 0, false),
            new Transition(4, 0, 4, false),
            new Transition(9, 4, 9, true));
    assertThat(Timesteps.list(5).up(10)).containsExactly(new Transition(5, -1, 5, true));
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
    int[] steps = Timesteps.of(size.n(), spacing).descending(size.total());
    assertThat(steps).hasSize(size.n());
    assertThat(steps[0]).isLessThan(size.total());
    assertThat(steps[size.n() - 1]).isNotNegative();
    for (int i = 1; i < steps.length; i++) {
      assertThat(steps[i]).isLessThan(steps[i - 1]);
    }
  }

  @Property(tries = 500, seed = "2")
  void ends_areThoseOfTheSpacing(@ForAll("sizes") Size size) {
    int total = size.total();
    int n = size.n();
    assertThat(Timesteps.of(n, StepSpacing.TRAILING).descending(total)).startsWith(total - 1);
    assertThat(Timesteps.of(n, StepSpacing.LEADING).descending(total)).endsWith(0);
    assertThat(Timesteps.of(n, StepSpacing.LINSPACE).descending(total)).endsWith(0);
    if (n > 1) {
      assertThat(Timesteps.of(n, StepSpacing.LINSPACE).descending(total)).startsWith(total - 1);
    }
  }

  @Property(tries = 300, seed = "3")
  void transitions_chainAndUpIsDownReversed(
      @ForAll("sizes") Size size, @ForAll StepSpacing spacing) {
    var down = Timesteps.of(size.n(), spacing).down(size.total());
    var up = Timesteps.of(size.n(), spacing).up(size.total());
    int n = size.n();
    assertThat(down).hasSize(n);
    for (int i = 0; i < n; i++) {
      assertThat(down.get(i).t()).isEqualTo(down.get(i).from());
      assertThat(down.get(i).to()).isEqualTo(i + 1 < n ? down.get(i + 1).from() : -1);
      assertThat(down.get(i).last()).isEqualTo(i == n - 1);
      assertThat(up.get(n - 1 - i))
          .isEqualTo(new Transition(down.get(i).t(), down.get(i).to(), down.get(i).from(), i == 0));
    }
  }

  /** Every size there is, for the two spacings that round. */
  @Example
  void rounding_neverMakesTwoStepsOne() {
    for (int total = 1; total <= 300; total++) {
      for (int n = 1; n <= total; n++) {
        for (StepSpacing spacing : StepSpacing.values()) {
          int[] steps = Timesteps.of(n, spacing).descending(total);
          boolean strict = IntStream.range(1, n).allMatch(i -> steps[i] < steps[i - 1]);
          assertThat(strict).as("%s of %s, %s", n, total, spacing).isTrue();
        }
      }
    }
  }

  @Example
  void steps_outsideOf1ToTAreRefused() {
    assertRefused(
        () -> Timesteps.of(0, StepSpacing.LEADING), "steps must be at least 1 but were 0");
    assertRefused(
        () -> Timesteps.of(-3, StepSpacing.TRAILING), "steps must be at least 1 but were -3");
    for (StepSpacing spacing : StepSpacing.values()) {
      assertRefused(
          () -> Timesteps.of(11, spacing).descending(10),
          "steps must be at most the schedule's, 10, but were 11");
    }
  }

  @Example
  void offset_beyondTheScheduleIsRefused() {
    assertRefused(
        () -> Timesteps.of(10, StepSpacing.LEADING, 100).descending(T),
        "timesteps must be in [0, 999] but one is 1000");
    assertRefused(
        () -> Timesteps.of(T, StepSpacing.LEADING, 1).descending(T),
        "timesteps must be in [0, 999] but one is 1000");
  }

  @Example
  void offset_belowZeroOrOfAnotherSpacingIsRefused() {
    assertRefused(
        () -> Timesteps.of(10, StepSpacing.LEADING, -1),
        "offset must be at least 0, and 0 but for leading spacing, but was -1 for LEADING");
    assertRefused(
        () -> Timesteps.of(10, StepSpacing.TRAILING, 1),
        "offset must be at least 0, and 0 but for leading spacing, but was 1 for TRAILING");
    assertRefused(
        () -> Timesteps.of(10, StepSpacing.LINSPACE, 2),
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
  void toString_saysWhich() {
    assertThat(Timesteps.list(3, 1)).hasToString("Timesteps[3, 1]");
    assertThat(Timesteps.of(4, StepSpacing.LEADING, 1)).hasToString("Timesteps[4, LEADING+1]");
  }

  private static int[] of(int n, StepSpacing spacing) {
    return Timesteps.of(n, spacing).descending(T);
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessage(message);
  }
}
