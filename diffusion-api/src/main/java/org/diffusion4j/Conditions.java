package org.diffusion4j;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.Condition.Inputs;
import org.diffusion4j.Condition.Labels;
import org.diffusion4j.Condition.Pictures;
import org.diffusion4j.Condition.Takes;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Operations on the arrays of conditions, and checks of arguments. */
final class Conditions {

  private Conditions() {}

  static String noun(Condition condition) {
    Condition first = condition.parts().isEmpty() ? condition : condition.parts().get(0);
    return first instanceof Embeddings
        ? "row of embeddings"
        : first instanceof Pictures
            ? "picture"
            : first instanceof Inputs ? "row of each input" : "label";
  }

  static void requireNumber(String what, int number) {
    if (number < Takes.ANY) {
      throw new IllegalArgumentException(what + " must be at least 0, or ANY, but was " + number);
    }
  }

  static void requireSlice(int from, int to, OptionalInt count) {
    if (from < 0 || from > to || (count.isPresent() && to > count.getAsInt())) {
      throw new IllegalArgumentException(
          "slice must be within "
              + (count.isEmpty() ? "[0, n)" : "[0, " + count.getAsInt() + ")")
              + " but was ["
              + from
              + ", "
              + to
              + ")");
    }
  }

  static void requireRepeatable(int n, OptionalInt count) {
    if (n < 1) {
      throw new IllegalArgumentException("number of samples must be at least 1 but was " + n);
    }
    if (count.isPresent() && count.getAsInt() != 1) {
      throw new IllegalArgumentException(
          "condition to repeat must be for 1 sample but was for " + count.getAsInt());
    }
  }

  static INDArray requireFloat(String what, INDArray array, String shape, int rank) {
    if (array.wasClosed()) {
      throw new IllegalArgumentException(what + " must not be closed while they are in use");
    }
    if (array.dataType() != DataType.FLOAT || array.rank() != rank || array.length() < 1) {
      throw new IllegalArgumentException(
          what
              + " must be FLOAT "
              + shape
              + " but were "
              + array.dataType()
              + " "
              + Arrays.toString(array.shape()));
    }
    return array;
  }

  static void requireInputs(Map<String, INDArray> arrays) {
    if (arrays.isEmpty()) {
      throw new IllegalArgumentException("inputs must be at least 1 but were 0");
    }
    long n = -1;
    for (Map.Entry<String, INDArray> input : arrays.entrySet()) {
      INDArray array = input.getValue();
      String what = "input " + Shown.text(input.getKey());
      if (array.rank() < 1) {
        throw new IllegalArgumentException(what + " must be [n, ...] but was a scalar");
      }
      requireFloat(what, array, "[n, ...]", array.rank());
      n = n < 0 ? array.size(0) : n;
      if (array.size(0) != n) {
        throw new IllegalArgumentException(
            what + " must have one row per sample, " + n + ", but has " + array.size(0));
      }
    }
  }

  static INDArray rows(INDArray array, int from, int to) {
    requireSlice(from, to, OptionalInt.of((int) array.size(0)));
    if (from == to) {
      throw new IllegalArgumentException("slice of arrays must hold a sample but was at " + from);
    }
    return array.get(NDArrayIndex.interval(from, to));
  }

  static INDArray repeated(INDArray row, int n) {
    return Detached.get(
        () -> {
          INDArray all = uninitialized(row, n);
          for (int i = 0; i < n; i++) {
            all.get(NDArrayIndex.interval(i, i + 1)).assign(row);
          }
          return all;
        });
  }

  static INDArray zeros(INDArray array) {
    return Detached.get(() -> uninitialized(array, array.size(0)).assign(0));
  }

  private static INDArray uninitialized(INDArray like, long n) {
    long[] shape = like.shape().clone();
    shape[0] = n;
    NativeMemory.require("a condition", NativeMemory.product(NativeMemory.product(shape), 4));
    return Nd4j.createUninitialized(DataType.FLOAT, shape);
  }

  private static INDArray joined(INDArray first, INDArray second) {
    return Detached.get(
        () -> {
          long n = first.size(0);
          INDArray both = uninitialized(first, n + second.size(0));
          both.get(NDArrayIndex.interval(0, n)).assign(first);
          both.get(NDArrayIndex.interval(n, n + second.size(0))).assign(second);
          return both;
        });
  }

  static void close(@Nullable INDArray array) {
    if (array != null && !array.wasClosed()) {
      array.close();
    }
  }

  /** Arrays for a new condition; they are closed if creating it fails. */
  static final class Made {

    private final List<INDArray> arrays = new ArrayList<>();

    INDArray add(INDArray array) {
      arrays.add(array);
      return array;
    }
  }

  static <C> C made(Function<Made, C> work) {
    Made made = new Made();
    boolean done = false;
    try {
      C result = work.apply(made);
      done = true;
      return result;
    } finally {
      if (!done) {
        made.arrays.forEach(Conditions::close);
      }
    }
  }

  /** The condition whose parts are made from other parts. */
  static Condition each(List<Condition> parts, UnaryOperator<Condition> work) {
    List<Condition> made = new ArrayList<>();
    boolean done = false;
    try {
      for (Condition part : parts) {
        made.add(work.apply(part));
      }
      Condition all = Condition.several(made);
      done = true;
      return all;
    } finally {
      if (!done) {
        made.forEach(Condition::close);
      }
    }
  }

  static Condition concat(Condition first, Condition second) {
    Set<Class<? extends Condition>> kinds = new LinkedHashSet<>();
    List<Condition> examples = new ArrayList<>();
    for (Condition condition : List.of(first, second)) {
      for (Condition part : condition.parts()) {
        if (kinds.add(part.getClass())) {
          examples.add(part);
        }
      }
    }
    return each(examples, part -> joined(part.getClass(), first, second));
  }

  private static <C extends Condition> Condition joined(
      Class<C> kind, Condition first, Condition second) {
    Optional<C> one = first.part(kind);
    Optional<C> two = second.part(kind);
    if (one.isPresent() && two.isPresent()) {
      return joined(one.get(), two.get());
    }
    if (one.isPresent()) {
      try (Condition other = one.get().unconditional()) {
        return joined(one.get(), other);
      }
    }
    try (Condition other = two.orElseThrow().unconditional()) {
      return joined(other, two.get());
    }
  }

  private static Condition joined(Condition first, Condition second) {
    if (first instanceof Labels a && second instanceof Labels b) {
      return b.after(a);
    }
    if (first instanceof Embeddings a && second instanceof Embeddings b) {
      return joined(a, b);
    }
    if (first instanceof Inputs a && second instanceof Inputs b) {
      return joined(a, b);
    }
    Pictures a = (Pictures) first;
    Pictures b = (Pictures) second;
    requireSameRest("pictures", a.pictures(), b.pictures());
    return new Pictures(joined(a.pictures(), b.pictures()), a.zeros(), true);
  }

  private static Embeddings joined(Embeddings a, Embeddings b) {
    requireJoinable(a, b);
    return made(
        made -> {
          INDArray tokens = made.add(joined(a.tokens(), b.tokens()));
          INDArray mask = null;
          if (a.mask() != null || b.mask() != null) {
            mask =
                made.add(
                    Detached.get(() -> Nd4j.ones(DataType.FLOAT, tokens.size(0), tokens.size(1))));
            long n = a.tokens().size(0);
            if (a.mask() != null) {
              mask.get(NDArrayIndex.interval(0, n)).assign(a.mask());
            }
            if (b.mask() != null) {
              mask.get(NDArrayIndex.interval(n, tokens.size(0))).assign(b.mask());
            }
          }
          INDArray pooled =
              a.pooled() == null || b.pooled() == null
                  ? null
                  : made.add(joined(a.pooled(), b.pooled()));
          return new Embeddings(tokens, mask, pooled, a.sharedEmpty(), true);
        });
  }

  private static Inputs joined(Inputs a, Inputs b) {
    if (!a.arrays().keySet().equals(b.arrays().keySet())) {
      throw new IllegalArgumentException(
          "inputs that belong together must have the same names but were "
              + Shown.list(a.arrays().keySet())
              + " and "
              + Shown.list(b.arrays().keySet()));
    }
    return made(
        made -> {
          Map<String, INDArray> all = new TreeMap<>();
          a.arrays()
              .forEach(
                  (name, array) -> {
                    INDArray other = Objects.requireNonNull(b.arrays().get(name));
                    requireSameRest("input " + Shown.text(name), array, other);
                    all.put(name, made.add(joined(array, other)));
                  });
          return new Inputs(all, true);
        });
  }

  static void requireJoinable(Embeddings a, Embeddings b) {
    requireSameRest("embeddings", a.tokens(), b.tokens());
    INDArray one = a.pooled();
    INDArray two = b.pooled();
    if (one != null && two != null) {
      requireSameRest("pooled embeddings", one, two);
    } else if (one != null || two != null) {
      throw new IllegalArgumentException(
          "embeddings that belong together must both be pooled, or neither, but were "
              + a
              + " and "
              + b);
    }
  }

  private static void requireSameRest(String what, INDArray a, INDArray b) {
    long[] rest = b.shape().clone();
    rest[0] = a.size(0);
    if (!Arrays.equals(a.shape(), rest)) {
      throw new IllegalArgumentException(
          what
              + " that belong together must have the same shape except for the number of samples"
              + " but were "
              + Arrays.toString(a.shape())
              + " and "
              + Arrays.toString(b.shape()));
    }
  }

  static void requireTaken(Takes takes, Condition condition) {
    if (!condition.isNone() && takes.isNothing()) {
      throw new IllegalArgumentException(
          "condition must be none for an unconditional model but was " + condition);
    }
    for (Condition part : condition.parts()) {
      if (part instanceof Labels labels) {
        requireKind(takes, takes.classes(), condition);
        requireLabels(takes, labels.labels());
      } else if (part instanceof Embeddings embeddings) {
        requireKind(takes, takes.embeddingWidth(), condition);
        INDArray tokens = requireFloat("embeddings", embeddings.tokens(), "[n, tokens, width]", 3);
        requireSize("width of embeddings", takes.embeddingWidth(), tokens.size(2));
      } else if (part instanceof Pictures pictures) {
        requireKind(takes, takes.pictureChannels(), condition);
        INDArray array =
            requireFloat("pictures", pictures.pictures(), "[n, channels, height, width]", 4);
        requireSize("channels of pictures", takes.pictureChannels(), array.size(1));
      } else if (part instanceof Inputs inputs) {
        requireInputs(takes, inputs);
      }
    }
  }

  private static void requireInputs(Takes takes, Inputs inputs) {
    Set<String> names = takes.inputs();
    if (names != null && !names.containsAll(inputs.arrays().keySet())) {
      throw new IllegalArgumentException(
          "inputs must be "
              + (names.isEmpty()
                  ? "none, because the model accepts none"
                  : "of " + Shown.list(new TreeSet<>(names)) + ", which the model accepts")
              + ", but were "
              + Shown.list(inputs.arrays().keySet()));
    }
    requireInputs(inputs.arrays());
  }

  private static void requireKind(Takes takes, int number, Condition condition) {
    if (number == 0) {
      throw new IllegalArgumentException(
          "condition must be of "
              + names(takes)
              + ", which the model accepts, but was "
              + condition);
    }
  }

  private static String names(Takes takes) {
    List<String> names = new ArrayList<>();
    if (takes.classes() != 0) {
      names.add("labels");
    }
    if (takes.embeddingWidth() != 0) {
      names.add("embeddings");
    }
    if (takes.pictureChannels() != 0) {
      names.add("pictures");
    }
    Set<String> inputs = takes.inputs();
    if (inputs == null || !inputs.isEmpty()) {
      names.add("inputs");
    }
    return String.join(" and ", names);
  }

  private static void requireLabels(Takes takes, int[] labels) {
    for (int label : labels) {
      boolean unlabelled = label == Condition.UNLABELLED;
      if (unlabelled ? !takes.unlabelled() : takes.classes() > 0 && label >= takes.classes()) {
        throw new IllegalArgumentException(
            "label must be "
                + (takes.classes() > 0 ? "in [0, " + (takes.classes() - 1) + "]" : "at least 0")
                + (takes.unlabelled() ? " or UNLABELLED" : "")
                + " but was "
                + label);
      }
    }
  }

  private static void requireSize(String what, int taken, long given) {
    if (taken > 0 && given != taken) {
      throw new IllegalArgumentException(
          what + " must be " + taken + ", which the model accepts, but was " + given);
    }
  }

  static void requireNothingMissing(Takes takes, Condition condition) {
    if (takes.classes() != 0 && !takes.unlabelled() && condition.part(Labels.class).isEmpty()) {
      throw new IllegalArgumentException(
          "condition must have a label per sample for a class-conditional model" + but(condition));
    }
    if (takes.embeddingWidth() > 0 && condition.part(Embeddings.class).isEmpty()) {
      throw new IllegalArgumentException(
          "condition must have embeddings of width "
              + takes.embeddingWidth()
              + ", which the model accepts"
              + but(condition));
    }
    if (takes.pictureChannels() > 0 && condition.part(Pictures.class).isEmpty()) {
      throw new IllegalArgumentException(
          "condition must have pictures with "
              + takes.pictureChannels()
              + " channels, which the model accepts"
              + but(condition));
    }
    requireAllInputs(takes, condition);
  }

  private static void requireAllInputs(Takes takes, Condition condition) {
    Set<String> names = takes.inputs();
    if (names == null || names.isEmpty()) {
      return;
    }
    Set<String> missing = new TreeSet<>(names);
    condition.part(Inputs.class).ifPresent(given -> missing.removeAll(given.arrays().keySet()));
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "condition must have the inputs "
              + Shown.list(missing)
              + ", which the model accepts"
              + but(condition));
    }
  }

  private static String but(Condition condition) {
    return condition.isNone() ? "" : ", but was " + condition;
  }
}
