package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Conditions of every kind: their laws, whose their arrays are, and what models take of them. */
class ConditionKindsTest {

  /** Conditions for n samples, one of every kind and mixture. */
  private static List<Condition> all(int n, int seed) {
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      labels[i] = (i + seed) % 3 - 1;
    }
    Condition.Embeddings empty = Condition.embeddings(normal(-1, 1, 4, 3));
    Condition.Embeddings emptyPooled =
        Condition.embeddings(normal(-1, 1, 4, 3), ones(1, 4), normal(-2, 1, 5));
    List<Condition> all = new ArrayList<>();
    all.add(Condition.labels(labels));
    all.add(Condition.embeddings(normal(seed, n, 4, 3)).withUnconditional(empty));
    all.add(
        Condition.embeddings(normal(seed, n, 4, 3), ones(n, 4), normal(seed + 1, n, 5))
            .withUnconditional(emptyPooled));
    all.add(Condition.pictures(normal(seed, n, 1, 2, 3)));
    all.add(Condition.pictures(normal(seed, n, 1, 2, 3)).withZerosUnconditional());
    all.add(Condition.inputs(Map.of("a", normal(seed, n, 2), "b", normal(seed + 1, n, 1, 2, 3))));
    all.add(Condition.several(all.get(0), all.get(3)));
    all.add(Condition.several(all.get(5), all.get(1)));
    all.add(Condition.several(all.get(4), all.get(2), all.get(0)));
    return all;
  }

  private static INDArray normal(int seed, long... shape) {
    return Batches.normal(seed, DataType.FLOAT, shape);
  }

  private static INDArray ones(long... shape) {
    return Nd4j.ones(DataType.FLOAT, shape);
  }

  /** All numbers of a condition, by kind. */
  private static List<String> values(Condition condition) {
    List<String> values = new ArrayList<>();
    condition
        .part(Condition.Labels.class)
        .map(c -> Arrays.toString(c.labels()))
        .ifPresent(values::add);
    condition
        .part(Condition.Embeddings.class)
        .ifPresent(
            c -> {
              values.add(values(c.tokens()));
              values.add(c.mask() == null ? "all" : values(c.mask()));
              values.add(c.pooled() == null ? "none" : values(c.pooled()));
            });
    condition.part(Condition.Pictures.class).map(c -> values(c.pictures())).ifPresent(values::add);
    condition
        .part(Condition.Inputs.class)
        .ifPresent(c -> c.arrays().forEach((name, array) -> values.add(name + values(array))));
    return values;
  }

  private static String values(INDArray array) {
    return Arrays.toString(array.shape()) + Arrays.toString(array.dup('c').data().asFloat());
  }

  @Property(tries = 20)
  void slicesJoined_areTheWhole(
      @ForAll @IntRange(min = 2, max = 6) int n, @ForAll @IntRange(min = 1, max = 5) int at) {
    int cut = Math.min(at, n - 1);
    for (Condition whole : all(n, n)) {
      try (Condition both = Condition.concat(whole.slice(0, cut), whole.slice(cut, n))) {
        assertThat(values(both)).isEqualTo(values(whole));
        assertThat(both.count()).hasValue(n);
        assertThat(both.toString()).isEqualTo(whole.toString());
      }
    }
  }

  @Property(tries = 20)
  void joined_haveTheSamplesOfBothInOrder(
      @ForAll @IntRange(min = 1, max = 4) int m, @ForAll @IntRange(min = 1, max = 4) int n) {
    List<Condition> firsts = all(m, 1);
    List<Condition> seconds = all(n, 2);
    for (int k = 0; k < firsts.size(); k++) {
      try (Condition both = Condition.concat(firsts.get(k), seconds.get(k))) {
        assertThat(values(both.slice(0, m))).isEqualTo(values(firsts.get(k)));
        assertThat(values(both.slice(m, m + n))).isEqualTo(values(seconds.get(k)));
      }
    }
  }

  @Property(tries = 10)
  void unconditional_isForAsManySamples_andItsOwnCounterpart(
      @ForAll @IntRange(min = 1, max = 4) int n) {
    for (Condition condition : all(n, 3)) {
      try (Condition other = condition.unconditional()) {
        other.requireCount(n);
        try (Condition withNone = Condition.concat(condition, Condition.none());
            Condition both = Condition.concat(condition, other)) {
          assertThat(values(withNone)).isEqualTo(values(both));
        }
        for (int i = 0; i < n; i++) {
          try (Condition one = condition.slice(i, i + 1).unconditional()) {
            assertThat(values(one)).isEqualTo(values(other.slice(i, i + 1)));
          }
        }
      }
    }
  }

  @Property(tries = 10)
  void repeated_isTheSameForEachSample(@ForAll @IntRange(min = 1, max = 4) int n) {
    for (Condition one : all(1, 4)) {
      try (Condition many = one.repeat(n)) {
        for (int i = 0; i < n; i++) {
          assertThat(values(many.slice(i, i + 1))).isEqualTo(values(one));
        }
      }
    }
  }

  @Test
  void unconditional_ofEachKind() {
    assertThat(Condition.none().unconditional()).isSameAs(Condition.none());
    assertThat(Condition.labels(3, -1).unconditional()).isEqualTo(Condition.labels(-1, -1));
    INDArray x = ones(2, 1, 1, 1);
    assertThat(Condition.pictures(x).unconditional()).isEqualTo(Condition.pictures(x));
    assertThat(Condition.inputs(Map.of("x", x)).unconditional())
        .isEqualTo(Condition.inputs(Map.of("x", x)));
    assertThat(values(Condition.pictures(x).withZerosUnconditional().unconditional()))
        .containsExactly("[2, 1, 1, 1][0.0, 0.0]");
    assertThatIllegalStateException()
        .isThrownBy(() -> Condition.embeddings(ones(2, 3, 4)).unconditional())
        .withMessageContaining("withUnconditional");
  }

  @Test
  void close_freesWhatAnOperationMade_andNeverTheCallersArrays() {
    for (Condition condition : all(2, 5)) {
      Condition both = Condition.concat(condition, condition);
      Condition other = condition.unconditional();
      both.close();
      both.close();
      other.close();
      condition.slice(0, 1).close();
      condition.close();
      assertThat(arrays(both)).allMatch(INDArray::wasClosed);
      assertThat(arrays(condition)).noneMatch(INDArray::wasClosed);
    }
  }

  private static List<INDArray> arrays(Condition condition) {
    List<INDArray> arrays = new ArrayList<>();
    condition.part(Condition.Embeddings.class).ifPresent(c -> arrays.add(c.tokens()));
    condition.part(Condition.Pictures.class).ifPresent(c -> arrays.add(c.pictures()));
    condition.part(Condition.Inputs.class).ifPresent(c -> arrays.addAll(c.arrays().values()));
    return arrays;
  }

  @Test
  void mask_thatOneLacks_countsAll() {
    Condition masked = Condition.embeddings(ones(1, 2, 1), Nd4j.zeros(DataType.FLOAT, 1, 2), null);
    try (Condition both = Condition.concat(Condition.embeddings(ones(1, 2, 1)), masked)) {
      assertThat(values(both)).contains("[2, 2][1.0, 1.0, 0.0, 0.0]");
    }
  }

  @Test
  void toString_showsShapesAndNoNumbers() {
    assertThat(Condition.embeddings(ones(2, 3, 4), ones(2, 3), ones(2, 5)))
        .hasToString("Condition[embeddings=[2, 3, 4], mask, pooled=[2, 5]]");
    assertThat(Condition.several(Condition.labels(1), Condition.pictures(ones(1, 3, 8, 9))))
        .hasToString("Condition[Condition[labels=[1]], Condition[pictures=[1, 3, 8, 9]]]");
    assertThat(Condition.inputs(Map.of("b", ones(2, 6), "a", ones(2, 1, 3))))
        .hasToString("Condition[inputs={a=[2, 1, 3], b=[2, 6]}]");
  }

  @Test
  void several_leavesOutNone_andHoldsEachKindOnce() {
    Condition labels = Condition.labels(1, 2);
    assertThat(Condition.several(Condition.none(), labels)).isSameAs(labels);
    assertThat(Condition.several()).isSameAs(Condition.none());
    Condition both = Condition.several(labels, Condition.pictures(ones(2, 1, 1, 1)));
    assertThat(both.labels()).containsExactly(1, 2);
    assertThat(both.isNone()).isFalse();
    assertRefused(() -> Condition.several(both, labels), "conditions must be at most one of each");
    assertRefused(
        () -> Condition.several(labels, Condition.pictures(ones(3, 1, 1, 1))),
        "condition must have one picture per sample, 2, but has 3");
  }

  @Test
  void arrays_thatDoNotFitAreRefused() {
    assertRefused(
        () -> Condition.embeddings(ones(2, 3)),
        "embeddings must be FLOAT [n, tokens, width] but were FLOAT [2, 3]");
    assertRefused(
        () -> Condition.pictures(ones(1, 1, 2, 2).castTo(DataType.DOUBLE)),
        "pictures must be FLOAT [n, channels, height, width] but were DOUBLE [1, 1, 2, 2]");
    assertRefused(
        () -> Condition.embeddings(ones(2, 3, 4), ones(2, 4), null),
        "mask of embeddings must be [2, 3] but was [2, 4]");
    assertRefused(
        () -> Condition.embeddings(ones(2, 3, 4), null, ones(1, 4)),
        "pooled embeddings must be one per sample, 2, but were 1");
    assertRefused(() -> Condition.inputs(Map.of()), "inputs must be at least 1 but were 0");
    assertRefused(
        () -> Condition.inputs(Map.of("ids", Nd4j.zeros(DataType.LONG, 2, 3))),
        "input ids must be FLOAT [n, ...] but were LONG [2, 3]");
    assertRefused(
        () -> Condition.inputs(Map.of("a", ones(2, 3), "b", ones(3, 3))),
        "input b must have one row per sample, 2, but has 3");
    assertRefused(
        () ->
            Condition.concat(
                Condition.inputs(Map.of("a", ones(2, 3))),
                Condition.inputs(Map.of("b", ones(2, 3)))),
        "inputs that belong together must have the same names but were");
    INDArray closed = ones(1, 1, 1, 1);
    closed.close();
    assertRefused(() -> Condition.pictures(closed), "pictures must not be closed");
    Condition.Embeddings two = Condition.embeddings(ones(2, 3, 4));
    assertRefused(
        () -> two.withUnconditional(Condition.embeddings(ones(3, 3, 4))),
        "unconditional embeddings must be for 1 sample or, as these, for 2 but were for 3");
    assertRefused(
        () -> two.withUnconditional(Condition.embeddings(ones(1, 3, 5))),
        "must have the same shape except for the number of samples but were [2, 3, 4] and [1, 3,"
            + " 5]");
    assertRefused(() -> two.slice(1, 3), "slice must be within [0, 2) but was [1, 3)");
    assertRefused(() -> two.slice(1, 1), "slice of arrays must hold a sample");
    assertRefused(() -> two.repeat(3), "condition to repeat must be for 1 sample but was for 2");
    assertRefused(
        () -> Condition.concat(two, Condition.embeddings(ones(1, 2, 4))),
        "embeddings that belong together must have the same shape");
  }

  @Test
  void takes_namesWhatTheModelTakesAndWhatWasGiven() {
    Condition labels = Condition.labels(0, 4);
    Condition texts = Condition.embeddings(ones(2, 3, 4));
    Condition pictures = Condition.pictures(ones(2, 3, 8, 8));
    Condition.Takes text = Condition.Takes.nothing().withEmbeddings(4);
    Condition.Takes all = Condition.Takes.labels(5, true).withEmbeddings(4).withPictures(3);
    assertThatCode(
            () -> {
              Condition.Takes.anything().require(Condition.several(labels, texts, pictures), 2);
              Condition.Takes.anything().require(Condition.none(), 2);
              Condition.Takes.nothing().require(Condition.none(), 2);
              text.require(texts, 2);
              all.require(Condition.several(texts, pictures), 2);
            })
        .doesNotThrowAnyException();
    assertRefused(
        () -> Condition.Takes.nothing().require(texts, 2),
        "condition must be none for an unconditional model but was"
            + " Condition[embeddings=[2, 3, 4]]");
    assertRefused(
        () -> text.require(labels, 2),
        "condition must be of embeddings, which the model accepts, but was Condition[labels=[0,"
            + " 4]]");
    assertRefused(
        () -> text.require(Condition.none(), 2),
        "condition must have embeddings of width 4, which the model accepts");
    assertRefused(
        () -> text.withEmbeddings(6).require(texts, 2),
        "width of embeddings must be 6, which the model accepts, but was 4");
    assertRefused(
        () -> all.withPictures(1).require(Condition.several(texts, pictures), 2),
        "channels of pictures must be 1, which the model accepts, but was 3");
    assertRefused(
        () -> all.require(texts, 2),
        "condition must have pictures with 3 channels, which the model accepts, but was");
    assertRefused(
        () -> Condition.Takes.labels(4, true).require(labels, 2),
        "label must be in [0, 3] or UNLABELLED but was 4");
    assertRefused(
        () -> Condition.Takes.labels(4, false).require(Condition.labels(-1), 1),
        "label must be in [0, 3] but was -1");
    assertRefused(
        () -> text.require(texts, 3),
        "condition must have one row of embeddings per sample, 3, but has 2");
    assertRefused(
        () -> Condition.Takes.labels(-2, true), "classes must be at least 0, or ANY, but was -2");
  }

  @Test
  void takes_namesTheInputsThatAreMissingOrUnknown() {
    Condition texts = Condition.embeddings(ones(2, 3, 4));
    Condition inputs = Condition.inputs(Map.of("time_ids", ones(2, 6)));
    Condition.Takes takes = Condition.Takes.nothing().withInputs(Set.of("time_ids"));
    assertThat(takes.isNothing()).isFalse();
    assertThatCode(
            () -> {
              takes.require(inputs, 2);
              takes.withEmbeddings(4).require(Condition.several(texts, inputs), 2);
              Condition.Takes.anything().require(inputs, 2);
            })
        .doesNotThrowAnyException();
    assertRefused(
        () -> takes.withEmbeddings(4).require(texts, 2),
        "condition must have the inputs time_ids, which the model accepts, but was");
    assertRefused(
        () -> takes.require(Condition.inputs(Map.of("other", ones(2, 6))), 2),
        "inputs must be of time_ids, which the model accepts, but were other");
    assertRefused(
        () -> Condition.Takes.nothing().withEmbeddings(4).require(inputs, 2),
        "inputs must be none, because the model accepts none, but were time_ids");
    assertRefused(() -> takes.require(inputs, 3), "one row of each input per sample, 3, but has 2");
  }

  private static void assertRefused(ThrowingCallable call, String part) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(part);
  }
}
