package org.diffusion4j;

import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What samples should show: nothing in particular, class labels, text embeddings, pictures, further
 * inputs of a network, or several of these at once. The set of kinds is closed; values are
 * immutable.
 *
 * <p>A condition uses the given arrays without copying them. The caller owns them and must not
 * change or close them while the condition is in use. Arrays created by {@link #concat}, {@link
 * #repeat} and {@link #unconditional} belong to the resulting condition, whose {@link #close} frees
 * them. {@link #slice} returns views. A condition without arrays need not be closed.
 */
public sealed interface Condition extends AutoCloseable
    permits Condition.None,
        Condition.Labels,
        Condition.Embeddings,
        Condition.Pictures,
        Condition.Inputs,
        Condition.Several {

  /** The label of an unconditional sample. */
  int UNLABELLED = -1;

  /** The condition of an unconditional model. */
  static Condition none() {
    return None.NONE;
  }

  /**
   * One class label per sample.
   *
   * @param labels each in [0, classes) or {@link #UNLABELLED}, at least one
   */
  static Condition labels(int... labels) {
    if (labels.length == 0) {
      throw new IllegalArgumentException("labels must be at least 1 but were 0");
    }
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0 && labels[i] != UNLABELLED) {
        throw new IllegalArgumentException(
            "label must be at least 0, or UNLABELLED, but was " + labels[i] + " for sample " + i);
      }
    }
    return new Labels(labels.clone());
  }

  /**
   * The same class label for each of {@code n} samples.
   *
   * @param label in [0, classes) or {@link #UNLABELLED}
   * @param n at least 1
   */
  static Condition label(int label, int n) {
    return labels(label).repeat(n);
  }

  /**
   * Embeddings, one for each token of a sample's text.
   *
   * @param tokens FLOAT {@code [n, tokens, width]}
   */
  static Embeddings embeddings(INDArray tokens) {
    return embeddings(tokens, null, null);
  }

  /**
   * Embeddings, one for each token of a sample's text, with an optional mask and pooled embedding.
   *
   * @param tokens FLOAT {@code [n, tokens, width]}
   * @param mask FLOAT {@code [n, tokens]}, 1 for a token and 0 for padding; null if there is no
   *     padding
   * @param pooled an embedding of each whole text, FLOAT {@code [n, pooledWidth]}, or null
   */
  static Embeddings embeddings(
      INDArray tokens, @Nullable INDArray mask, @Nullable INDArray pooled) {
    return new Embeddings(tokens, mask, pooled, null, false);
  }

  /**
   * Pictures that a model gets with each sample as additional channels. In classifier-free guidance
   * they are part of both predictions, as in inpainting models.
   *
   * @param pictures FLOAT {@code [n, channels, height, width]}
   */
  static Pictures pictures(INDArray pictures) {
    return new Pictures(pictures, false, false);
  }

  /**
   * Further inputs of a network by name, for what no other kind of condition stands for: the sizes
   * of Stable Diffusion XL, ControlNet's residuals. In classifier-free guidance they are part of
   * both predictions.
   *
   * @param arrays FLOAT {@code [n, ...]} by the names of the network's inputs, at least one
   */
  static Inputs inputs(Map<String, INDArray> arrays) {
    return new Inputs(arrays, false);
  }

  /**
   * Several conditions of different kinds. {@link #none()} is left out; a single condition is
   * returned as it is.
   *
   * @param parts at most one of each kind, all for the same number of samples; closing the result
   *     closes them
   */
  static Condition several(Condition... parts) {
    return several(Arrays.asList(parts));
  }

  /** {@link #several(Condition...)}. */
  static Condition several(Collection<? extends Condition> parts) {
    List<Condition> all = parts.stream().flatMap(part -> part.parts().stream()).toList();
    return all.isEmpty() ? none() : all.size() == 1 ? all.get(0) : new Several(all);
  }

  /**
   * The samples of one condition followed by those of another, in new arrays. A kind that is
   * missing in one of them is replaced by the {@link #unconditional} counterpart of the other's; so
   * is {@link #none()}, for as many samples.
   *
   * @return to be closed if it holds arrays
   * @throws IllegalArgumentException if the arrays' shapes differ in another dimension than the
   *     first
   * @throws IllegalStateException if a counterpart is needed but unknown
   */
  static Condition concat(Condition first, Condition second) {
    return Conditions.concat(first, second);
  }

  /** Whether this is {@link #none()}. */
  default boolean isNone() {
    return false;
  }

  /**
   * The labels, one per sample, in a new array.
   *
   * @throws IllegalStateException if there are none
   */
  default int[] labels() {
    return part(Labels.class)
        .orElseThrow(() -> new IllegalStateException("condition has no labels"))
        .labels();
  }

  /** The number of samples; empty for {@link #none()}, which fits any number. */
  OptionalInt count();

  /** The conditions of a single kind that this one consists of: none, itself, or several. */
  default List<Condition> parts() {
    return List.of(this);
  }

  /**
   * The part of one kind, for a model that takes it.
   *
   * @param <C> the kind
   * @param kind {@code Labels.class}, {@code Embeddings.class}, {@code Pictures.class} or {@code
   *     Inputs.class}
   */
  default <C extends Condition> Optional<C> part(Class<C> kind) {
    return parts().stream().filter(kind::isInstance).map(kind::cast).findFirst();
  }

  /**
   * The condition of samples {@code from} to {@code to - 1}; {@link #none()} returns itself. Arrays
   * are views, valid as long as those of this condition.
   *
   * @param from in [0, to]; less than {@code to} if there are arrays
   * @param to at most the number of samples
   * @throws IllegalArgumentException if there are no such samples
   */
  Condition slice(int from, int to);

  /**
   * This condition of one sample, repeated for {@code n} samples.
   *
   * @param n at least 1
   * @return to be closed if it holds arrays
   * @throws IllegalArgumentException if this condition is not for one sample
   */
  Condition repeat(int n);

  /**
   * The unconditional counterpart for the same number of samples: labels become {@link
   * #UNLABELLED}, embeddings those of {@link Embeddings#withUnconditional}, pictures stay or become
   * zeros, further inputs stay.
   *
   * @return to be closed if it holds arrays
   * @throws IllegalStateException if embeddings have no counterpart
   */
  Condition unconditional();

  /**
   * Checks that this condition is for {@code n} samples, or {@link #none()}.
   *
   * @throws IllegalArgumentException naming both numbers if not
   */
  default void requireCount(int n) {
    OptionalInt count = count();
    if (count.isPresent() && count.getAsInt() != n) {
      throw new IllegalArgumentException(
          "condition must have one "
              + Conditions.noun(this)
              + " per sample, "
              + n
              + ", but has "
              + count.getAsInt());
    }
  }

  /** Frees arrays that an operation created, but not those of the caller. */
  @Override
  default void close() {}

  /** Nothing in particular. */
  final class None implements Condition {

    private static final None NONE = new None();

    private None() {}

    @Override
    public boolean isNone() {
      return true;
    }

    @Override
    public OptionalInt count() {
      return OptionalInt.empty();
    }

    @Override
    public List<Condition> parts() {
      return List.of();
    }

    @Override
    public Condition slice(int from, int to) {
      Conditions.requireSlice(from, to, count());
      return this;
    }

    @Override
    public Condition repeat(int n) {
      Conditions.requireRepeatable(n, count());
      return this;
    }

    @Override
    public Condition unconditional() {
      return this;
    }

    @Override
    public String toString() {
      return "Condition[none]";
    }
  }

  /** One class label per sample; some may be {@link #UNLABELLED}. */
  final class Labels implements Condition {

    private final int[] labels;

    private Labels(int[] labels) {
      this.labels = labels;
    }

    /** The labels of another condition followed by these. */
    Labels after(Labels first) {
      int[] both = Arrays.copyOf(first.labels, first.labels.length + labels.length);
      System.arraycopy(labels, 0, both, first.labels.length, labels.length);
      return new Labels(both);
    }

    @Override
    public int[] labels() {
      return labels.clone();
    }

    @Override
    public OptionalInt count() {
      return OptionalInt.of(labels.length);
    }

    @Override
    public Labels slice(int from, int to) {
      Conditions.requireSlice(from, to, count());
      return new Labels(Arrays.copyOfRange(labels, from, to));
    }

    @Override
    public Labels repeat(int n) {
      Conditions.requireRepeatable(n, count());
      int[] all = new int[n];
      Arrays.fill(all, labels[0]);
      return new Labels(all);
    }

    @Override
    public Labels unconditional() {
      int[] all = new int[labels.length];
      Arrays.fill(all, UNLABELLED);
      return new Labels(all);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Labels that && Arrays.equals(labels, that.labels);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(labels);
    }

    @Override
    public String toString() {
      return "Condition[labels=" + Arrays.toString(labels) + "]";
    }
  }

  /** Text embeddings. Two are equal if their arrays are the same objects. */
  final class Embeddings implements Condition {

    private final INDArray tokens;
    private final @Nullable INDArray mask;
    private final @Nullable INDArray pooled;
    private final @Nullable Embeddings empty;
    private final boolean owned;

    Embeddings(
        INDArray tokens,
        @Nullable INDArray mask,
        @Nullable INDArray pooled,
        @Nullable Embeddings empty,
        boolean owned) {
      this.tokens = Conditions.requireFloat("embeddings", tokens, "[n, tokens, width]", 3);
      long n = tokens.size(0);
      if (mask != null) {
        Conditions.requireFloat("mask of embeddings", mask, "[n, tokens]", 2);
        if (mask.size(0) != n || mask.size(1) != tokens.size(1)) {
          throw new IllegalArgumentException(
              "mask of embeddings must be ["
                  + n
                  + ", "
                  + tokens.size(1)
                  + "] but was "
                  + Arrays.toString(mask.shape()));
        }
      }
      if (pooled != null) {
        Conditions.requireFloat("pooled embeddings", pooled, "[n, width]", 2);
        if (pooled.size(0) != n) {
          throw new IllegalArgumentException(
              "pooled embeddings must be one per sample, " + n + ", but were " + pooled.size(0));
        }
      }
      this.mask = mask;
      this.pooled = pooled;
      this.empty = empty;
      this.owned = owned;
    }

    /**
     * These embeddings with their unconditional counterpart, which guidance needs.
     *
     * @param counterpart embeddings of one sample, usually of the empty text, used for every
     *     sample; or those of each sample
     */
    public Embeddings withUnconditional(Embeddings counterpart) {
      int others = counterpart.count().getAsInt();
      if (others != 1 && others != count().getAsInt()) {
        throw new IllegalArgumentException(
            "unconditional embeddings must be for 1 sample or, as these, for "
                + count().getAsInt()
                + " but were for "
                + others);
      }
      Conditions.requireJoinable(this, counterpart);
      return new Embeddings(tokens, mask, pooled, counterpart, owned);
    }

    /** The same embeddings as the owner of their arrays: {@link #close} frees them. */
    public Embeddings owning() {
      return new Embeddings(tokens, mask, pooled, empty, true);
    }

    /** FLOAT {@code [n, tokens, width]}. */
    public INDArray tokens() {
      return tokens;
    }

    /**
     * FLOAT {@code [n, tokens]}, 1 for a token and 0 for padding, or null if there is no padding.
     */
    public @Nullable INDArray mask() {
      return mask;
    }

    /** An embedding of each whole text, FLOAT {@code [n, pooledWidth]}, or null. */
    public @Nullable INDArray pooled() {
      return pooled;
    }

    /** The counterpart if it is that of every sample. */
    @Nullable Embeddings sharedEmpty() {
      return empty != null && empty.isShared() ? empty : null;
    }

    @Override
    public OptionalInt count() {
      return OptionalInt.of((int) tokens.size(0));
    }

    @Override
    public Embeddings slice(int from, int to) {
      return new Embeddings(
          Conditions.rows(tokens, from, to),
          mask == null ? null : Conditions.rows(mask, from, to),
          pooled == null ? null : Conditions.rows(pooled, from, to),
          empty == null || empty.isShared() ? empty : empty.slice(from, to),
          false);
    }

    /** Whether, as a counterpart, it is that of every sample. */
    private boolean isShared() {
      return count().getAsInt() == 1;
    }

    @Override
    public Embeddings repeat(int n) {
      Conditions.requireRepeatable(n, count());
      return Conditions.made(
          made ->
              new Embeddings(
                  made.add(Conditions.repeated(tokens, n)),
                  mask == null ? null : made.add(Conditions.repeated(mask, n)),
                  pooled == null ? null : made.add(Conditions.repeated(pooled, n)),
                  empty,
                  true));
    }

    @Override
    public Embeddings unconditional() {
      if (empty == null) {
        throw new IllegalStateException(
            "embeddings must have an unconditional counterpart for guidance: set that of the"
                + " empty text with withUnconditional");
      }
      return empty.isShared()
          ? empty.repeat(count().getAsInt())
          : new Embeddings(empty.tokens, empty.mask, empty.pooled, empty.empty, false);
    }

    @Override
    public void close() {
      if (owned) {
        Conditions.close(tokens);
        Conditions.close(mask);
        Conditions.close(pooled);
      }
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Embeddings that
          && tokens == that.tokens
          && mask == that.mask
          && pooled == that.pooled;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(tokens);
    }

    @Override
    public String toString() {
      return "Condition[embeddings="
          + Arrays.toString(tokens.shape())
          + (mask == null ? "" : ", mask")
          + (pooled == null ? "" : ", pooled=" + Arrays.toString(pooled.shape()))
          + "]";
    }
  }

  /** Pictures that belong to the samples. Two are equal if their arrays are the same objects. */
  final class Pictures implements Condition {

    private final INDArray pictures;
    private final boolean zeros;
    private final boolean owned;

    Pictures(INDArray pictures, boolean zeros, boolean owned) {
      this.pictures =
          Conditions.requireFloat("pictures", pictures, "[n, channels, height, width]", 4);
      this.zeros = zeros;
      this.owned = owned;
    }

    /**
     * These pictures with zeros as their unconditional counterpart; by default it is the pictures
     * themselves.
     */
    public Pictures withZerosUnconditional() {
      return new Pictures(pictures, true, owned);
    }

    /** FLOAT {@code [n, channels, height, width]}. */
    public INDArray pictures() {
      return pictures;
    }

    boolean zeros() {
      return zeros;
    }

    @Override
    public OptionalInt count() {
      return OptionalInt.of((int) pictures.size(0));
    }

    @Override
    public Pictures slice(int from, int to) {
      return new Pictures(Conditions.rows(pictures, from, to), zeros, false);
    }

    @Override
    public Pictures repeat(int n) {
      Conditions.requireRepeatable(n, count());
      return new Pictures(Conditions.repeated(pictures, n), zeros, true);
    }

    @Override
    public Pictures unconditional() {
      return zeros
          ? new Pictures(Conditions.zeros(pictures), true, true)
          : new Pictures(pictures, false, false);
    }

    @Override
    public void close() {
      if (owned) {
        Conditions.close(pictures);
      }
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Pictures that && pictures == that.pictures;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(pictures);
    }

    @Override
    public String toString() {
      return "Condition[pictures=" + Arrays.toString(pictures.shape()) + "]";
    }
  }

  /** Further inputs of a network by name. Two are equal if their arrays are the same objects. */
  final class Inputs implements Condition {

    private final Map<String, INDArray> arrays;
    private final boolean owned;

    Inputs(Map<String, INDArray> arrays, boolean owned) {
      this.arrays = Collections.unmodifiableMap(new TreeMap<>(arrays));
      this.owned = owned;
      Conditions.requireInputs(this.arrays);
    }

    /** FLOAT {@code [n, ...]} by name; unmodifiable. */
    public Map<String, INDArray> arrays() {
      return arrays;
    }

    @Override
    public OptionalInt count() {
      return OptionalInt.of((int) arrays.values().iterator().next().size(0));
    }

    @Override
    public Inputs slice(int from, int to) {
      Map<String, INDArray> rows = new TreeMap<>();
      arrays.forEach((name, array) -> rows.put(name, Conditions.rows(array, from, to)));
      return new Inputs(rows, false);
    }

    @Override
    public Inputs repeat(int n) {
      Conditions.requireRepeatable(n, count());
      return Conditions.made(
          made -> {
            Map<String, INDArray> all = new TreeMap<>();
            arrays.forEach((name, array) -> all.put(name, made.add(Conditions.repeated(array, n))));
            return new Inputs(all, true);
          });
    }

    @Override
    public Inputs unconditional() {
      return new Inputs(arrays, false);
    }

    @Override
    public void close() {
      if (owned) {
        arrays.values().forEach(Conditions::close);
      }
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Inputs that
          && arrays.keySet().equals(that.arrays.keySet())
          && arrays.entrySet().stream().allMatch(e -> e.getValue() == that.arrays.get(e.getKey()));
    }

    @Override
    public int hashCode() {
      return arrays.keySet().hashCode();
    }

    @Override
    public String toString() {
      StringJoiner shapes = new StringJoiner(", ", "Condition[inputs={", "}]");
      arrays.forEach((name, array) -> shapes.add(name + "=" + Arrays.toString(array.shape())));
      return shapes.toString();
    }
  }

  /** Several conditions of different kinds. */
  final class Several implements Condition {

    private final List<Condition> parts;

    private Several(List<Condition> parts) {
      this.parts = parts;
      int n = parts.get(0).count().getAsInt();
      for (Condition part : parts) {
        if (parts.stream().filter(other -> other.getClass() == part.getClass()).count() > 1) {
          throw new IllegalArgumentException(
              "conditions must be at most one of each kind but were " + parts);
        }
        part.requireCount(n);
      }
    }

    @Override
    public OptionalInt count() {
      return parts.get(0).count();
    }

    @Override
    public List<Condition> parts() {
      return parts;
    }

    @Override
    public Condition slice(int from, int to) {
      return Conditions.each(parts, part -> part.slice(from, to));
    }

    @Override
    public Condition repeat(int n) {
      return Conditions.each(parts, part -> part.repeat(n));
    }

    @Override
    public Condition unconditional() {
      return Conditions.each(parts, Condition::unconditional);
    }

    @Override
    public void close() {
      parts.forEach(Condition::close);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Several that && parts.equals(that.parts);
    }

    @Override
    public int hashCode() {
      return parts.hashCode();
    }

    @Override
    public String toString() {
      return "Condition" + parts;
    }
  }

  /**
   * Which conditions a model accepts.
   *
   * @param classes the number of classes: 0 for no labels, {@link #ANY} for labels without an upper
   *     limit
   * @param unlabelled whether a model with classes also accepts samples without a label: {@link
   *     Condition#none()} for all samples, {@link Condition#UNLABELLED} for one
   * @param embeddingWidth the width of the embeddings that it requires: 0 for no embeddings, {@link
   *     #ANY} for embeddings of any width or none
   * @param pictureChannels the number of channels of the pictures that it requires: 0 for no
   *     pictures, {@link #ANY} for pictures with any number of channels or none
   * @param inputs the names of the further inputs that it requires; null for any or none
   */
  record Takes(
      int classes,
      boolean unlabelled,
      int embeddingWidth,
      int pictureChannels,
      @Nullable Set<String> inputs) {

    /** Any number, or an unknown one. */
    public static final int ANY = -1;

    private static final Takes ANYTHING = new Takes(ANY, true, ANY, ANY, null);
    private static final Takes NOTHING = new Takes(0, true, 0, 0, Set.of());

    public Takes {
      inputs = inputs == null ? null : Set.copyOf(inputs);
      Conditions.requireNumber("classes", classes);
      Conditions.requireNumber("embedding width", embeddingWidth);
      Conditions.requireNumber("picture channels", pictureChannels);
    }

    /** For a model without further inputs. */
    public Takes(int classes, boolean unlabelled, int embeddingWidth, int pictureChannels) {
      this(classes, unlabelled, embeddingWidth, pictureChannels, Set.of());
    }

    /**
     * For a model that does not declare its conditions: they are not checked before the model gets
     * them.
     */
    public static Takes anything() {
      return ANYTHING;
    }

    /**
     * What a model declares.
     *
     * @throws IllegalArgumentException if it declares null
     */
    public static Takes of(Denoiser model) {
      Takes takes = model.takes();
      if (takes == null) {
        throw new IllegalArgumentException(
            "the denoiser must declare the conditions that it takes but takes() returned null: "
                + model.getClass().getName());
      }
      return takes;
    }

    /** For an unconditional model. */
    public static Takes nothing() {
      return NOTHING;
    }

    /**
     * For a class-conditional model.
     *
     * @param classes at least 1, or {@link #ANY}
     * @param unlabelled whether it accepts samples without a label
     */
    public static Takes labels(int classes, boolean unlabelled) {
      return new Takes(classes, unlabelled, 0, 0);
    }

    /** These conditions and embeddings of the given width. */
    public Takes withEmbeddings(int width) {
      return new Takes(classes, unlabelled, width, pictureChannels, inputs);
    }

    /** These conditions and pictures with the given number of channels. */
    public Takes withPictures(int channels) {
      return new Takes(classes, unlabelled, embeddingWidth, channels, inputs);
    }

    /** These conditions and further inputs with the given names. */
    public Takes withInputs(Set<String> names) {
      return new Takes(classes, unlabelled, embeddingWidth, pictureChannels, names);
    }

    /** Whether the model accepts no condition. */
    public boolean isNothing() {
      return classes == 0
          && embeddingWidth == 0
          && pictureChannels == 0
          && inputs != null
          && inputs.isEmpty();
    }

    /**
     * Checks that the model accepts a condition for {@code n} samples.
     *
     * @throws IllegalArgumentException naming what the model takes and what was given if not
     */
    public void require(Condition condition, int n) {
      requireTaken(condition);
      Conditions.requireNothingMissing(this, condition);
      condition.requireCount(n);
    }

    /**
     * Checks that the model accepts every part of a condition.
     *
     * @throws IllegalArgumentException naming what the model takes and what was given if not
     */
    public void requireTaken(Condition condition) {
      Objects.requireNonNull(condition, "condition");
      Conditions.requireTaken(this, condition);
    }
  }
}
