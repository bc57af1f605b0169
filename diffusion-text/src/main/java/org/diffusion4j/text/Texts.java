package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Encodes the texts of pictures, batch by batch. Each different text of a batch is encoded once,
 * and not again if the next batch has the same texts.
 */
final class Texts implements AutoCloseable {

  private final TextEncoder encoder;
  private final ImageSettings settings;
  private final boolean zerosForEmpty;

  /** The texts for both encoders. */
  private record Pair(String first, String second) {}

  /** The different texts of the last batch. */
  private static final class Last implements AutoCloseable {

    private List<Pair> texts = List.of();
    private @Nullable Embeddings embeddings;

    Embeddings of(TextEncoder encoder, List<Pair> different) {
      Embeddings known = embeddings;
      if (known != null && texts.equals(different)) {
        return known;
      }
      close();
      Embeddings made = encode(encoder, different);
      texts = different;
      embeddings = made;
      return made;
    }

    @Override
    public void close() {
      if (embeddings != null) {
        embeddings.close();
        embeddings = null;
      }
    }
  }

  private final Last prompts = new Last();
  private final Last negatives = new Last();

  /**
   * @param zerosForEmpty whether guidance without negative texts leads away from zeros
   */
  Texts(TextEncoder encoder, ImageSettings settings, boolean zerosForEmpty) {
    this.encoder = encoder;
    this.settings = settings;
    this.zerosForEmpty = zerosForEmpty;
  }

  /**
   * The embeddings of some pictures' texts.
   *
   * @param guided whether they have those of the negative texts as their counterpart
   * @param owned gets their arrays
   */
  Embeddings of(int first, int n, boolean guided, Owned owned) {
    List<Pair> pairs =
        IntStream.range(first, first + n)
            .mapToObj(i -> new Pair(settings.prompt(i), settings.secondPrompt(i)))
            .toList();
    TextEncoder skipping =
        settings.clipSkip > 0
            ? ((ClipTextEncoder) encoder).withClipSkip(settings.clipSkip)
            : encoder;
    Embeddings texts = encoded(prompts, skipping, pairs, owned);
    return guided ? texts.withUnconditional(negative(texts, first, n, owned)) : texts;
  }

  private Embeddings negative(Embeddings texts, int first, int n, Owned owned) {
    if (zerosForEmpty && settings.hasNoNegativePrompts()) {
      INDArray pooled = texts.pooled();
      return Condition.embeddings(
          zeros(texts.tokens(), owned), null, pooled == null ? null : zeros(pooled, owned));
    }
    List<Pair> pairs = new ArrayList<>();
    for (int i = first; i < first + n; i++) {
      pairs.add(
          new Pair(
              Objects.requireNonNullElse(settings.negativePrompt(i), ""),
              Objects.requireNonNullElse(settings.secondNegativePrompt(i), "")));
    }
    boolean shared = pairs.stream().distinct().count() == 1;
    return encoded(negatives, encoder, shared ? pairs.subList(0, 1) : pairs, owned);
  }

  /** Zeros for one sample. */
  private static INDArray zeros(INDArray like, Owned owned) {
    long[] shape = like.shape().clone();
    shape[0] = 1;
    return owned.add(Nd4j.zeros(like.dataType(), shape));
  }

  private static Embeddings encoded(Last last, TextEncoder by, List<Pair> pairs, Owned owned) {
    List<Pair> different = List.copyOf(new LinkedHashSet<>(pairs));
    Embeddings encoded = last.of(by, different);
    int[] rows = pairs.stream().mapToInt(different::indexOf).toArray();
    INDArray mask = encoded.mask();
    INDArray pooled = encoded.pooled();
    return Condition.embeddings(
        rows(encoded.tokens(), rows, owned),
        mask == null ? null : rows(mask, rows, owned),
        pooled == null ? null : rows(pooled, rows, owned));
  }

  private static Embeddings encode(TextEncoder by, List<Pair> different) {
    List<String> firsts = different.stream().map(Pair::first).toList();
    List<String> seconds = different.stream().map(Pair::second).toList();
    return by instanceof ClipTextEncoder clip && !seconds.equals(firsts)
        ? clip.encode(firsts, seconds)
        : by.encode(firsts);
  }

  /** Some rows, in a new array. */
  private static INDArray rows(INDArray array, int[] rows, Owned owned) {
    long[] shape = array.shape().clone();
    shape[0] = rows.length;
    INDArray all = owned.add(Nd4j.createUninitialized(array.dataType(), shape));
    for (int i = 0; i < rows.length; i++) {
      Masks.rows(all, i, 1).assign(Masks.rows(array, rows[i], 1));
    }
    return all;
  }

  /** Frees what is kept for the next batch. */
  @Override
  public void close() {
    prompts.close();
    negatives.close();
  }
}
