package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Encodes the texts of a batch of pictures, each different text once. */
final class Texts {

  private final TextEncoder encoder;
  private final ImageSettings settings;
  private final boolean zerosForEmpty;

  /** The texts for both encoders. */
  private record Pair(String first, String second) {}

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
    Embeddings texts = encoded(skipping, pairs, owned);
    return guided ? texts.withUnconditional(negative(texts, first, n, owned)) : texts;
  }

  private Embeddings negative(Embeddings texts, int first, int n, Owned owned) {
    if (zerosForEmpty && settings.negativePrompts.isEmpty()) {
      INDArray pooled = texts.pooled();
      return Condition.embeddings(
          zeros(texts.tokens(), owned), null, pooled == null ? null : zeros(pooled, owned));
    }
    List<Pair> pairs = new ArrayList<>();
    for (int i = first; i < first + n; i++) {
      @Nullable String negative = settings.negativePrompt(i);
      String text = negative == null ? "" : negative;
      pairs.add(new Pair(text, text));
    }
    boolean shared = pairs.stream().distinct().count() == 1;
    return encoded(encoder, shared ? pairs.subList(0, 1) : pairs, owned);
  }

  /** Zeros for one sample. */
  private static INDArray zeros(INDArray like, Owned owned) {
    long[] shape = like.shape().clone();
    shape[0] = 1;
    return owned.add(Nd4j.zeros(like.dataType(), shape));
  }

  private Embeddings encoded(TextEncoder by, List<Pair> pairs, Owned owned) {
    List<Pair> different = List.copyOf(new LinkedHashSet<>(pairs));
    List<String> firsts = different.stream().map(Pair::first).toList();
    List<String> seconds = different.stream().map(Pair::second).toList();
    try (Embeddings encoded =
        by instanceof ClipTextEncoder clip && !seconds.equals(firsts)
            ? clip.encode(firsts, seconds)
            : by.encode(firsts)) {
      int[] rows = pairs.stream().mapToInt(different::indexOf).toArray();
      INDArray mask = encoded.mask();
      INDArray pooled = encoded.pooled();
      return Condition.embeddings(
          rows(encoded.tokens(), rows, owned),
          mask == null ? null : rows(mask, rows, owned),
          pooled == null ? null : rows(pooled, rows, owned));
    }
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
}
