package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConditionTest {

  @Test
  void labels_areThoseGiven() {
    int[] given = {3, 0, 7};
    Condition condition = Condition.labels(given);
    given[0] = 9;
    condition.labels()[1] = 9;
    assertThat(condition.labels()).containsExactly(3, 0, 7);
    assertThat(condition.isNone()).isFalse();
    assertThat(Condition.label(4, 3).labels()).containsExactly(4, 4, 4);
  }

  @Test
  void none_hasNoLabels() {
    assertThat(Condition.none().isNone()).isTrue();
    assertThatIllegalStateException()
        .isThrownBy(() -> Condition.none().labels())
        .withMessageContaining("no labels");
  }

  @Test
  void slice_keepsTheLabelsOfItsSamples() {
    Condition condition = Condition.labels(5, 6, 7, 8);
    assertThat(condition.slice(1, 3)).isEqualTo(Condition.labels(6, 7));
    assertThat(condition.slice(0, 4)).isEqualTo(condition);
    assertThat(condition.slice(3, 4).labels()).containsExactly(8);
    assertThat(condition.slice(2, 2).labels()).isEmpty();
    assertThat(Condition.none().slice(2, 40)).isEqualTo(Condition.none());
  }

  @ParameterizedTest
  @CsvSource({"-1, 1", "2, 1", "0, 4", "3, 4", "4, 5", "-2, -1"})
  void slice_ofSamplesThatDoNotExistIsRefused(int from, int to) {
    assertRefused(
        () -> Condition.labels(5, 6, 7).slice(from, to),
        "slice",
        "[0, 3)",
        "was [" + from + ", " + to + ")");
  }

  @Test
  void slice_ofNoneIsCheckedToo() {
    assertRefused(() -> Condition.none().slice(-1, 1), "[0, n)", "was [-1, 1)");
    assertRefused(() -> Condition.none().slice(3, 2), "[0, n)", "was [3, 2)");
  }

  @Test
  void requireCount_namesBothNumbers() {
    Condition condition = Condition.labels(1, 2, 3);
    assertThatCode(() -> condition.requireCount(3)).doesNotThrowAnyException();
    assertThatCode(() -> Condition.none().requireCount(5)).doesNotThrowAnyException();
    assertRefused(() -> condition.requireCount(4), "one label per sample", "4", "has 3");
  }

  @Test
  void labels_thatAreNotThereAreRefused() {
    assertRefused(() -> Condition.labels(new int[0]), "labels", "at least 1", "were 0");
    assertRefused(() -> Condition.label(1, 0), "number of samples", "at least 1", "was 0");
    assertRefused(() -> Condition.label(1, -3), "number of samples", "at least 1", "was -3");
  }

  @Test
  void labels_mayBeUnlabelled() {
    assertThat(Condition.labels(3, Condition.UNLABELLED).labels()).containsExactly(3, -1);
    assertThat(Condition.label(Condition.UNLABELLED, 2)).isEqualTo(Condition.labels(-1, -1));
  }

  @Test
  void labels_belowUnlabelledAreRefused() {
    assertRefused(() -> Condition.labels(0, -4), "label", "at least 0", "was -4", "sample 1");
    assertRefused(() -> Condition.label(-2, 2), "label", "at least 0", "was -2", "sample 0");
  }

  @Test
  void equals_ofEqualLabels() {
    assertThat(Condition.labels(1, 1))
        .isEqualTo(Condition.label(1, 2))
        .hasSameHashCodeAs(Condition.label(1, 2))
        .isNotEqualTo(Condition.label(1, 3))
        .isNotEqualTo(Condition.none())
        .hasToString("Condition[labels=[1, 1]]");
    assertThat(Condition.none()).hasToString("Condition[none]");
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
