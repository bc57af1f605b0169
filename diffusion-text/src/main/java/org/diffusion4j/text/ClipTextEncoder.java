package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Encodes texts with CLIP as Stable Diffusion does: one encoder and its last hidden state ({@link
 * #of}), or the penultimate hidden states of one or two encoders side by side and a pooled
 * embedding ({@link #xl}).
 *
 * <p>A text that is too long is cut, and one line of log says so.
 */
public final class ClipTextEncoder implements TextEncoder {

  private static final Logger LOG = LoggerFactory.getLogger(ClipTextEncoder.class);

  private final List<Part> parts;
  private final Kind kind;
  private final int clipSkip;

  private ClipTextEncoder(List<Part> parts, Kind kind, int clipSkip) {
    this.parts = parts;
    this.kind = kind;
    this.clipSkip = clipSkip;
  }

  private record Part(ClipTokenizer tokenizer, ClipTextModel model) {}

  /**
   * What is taken from the models.
   *
   * @param skip how many blocks are left out at least
   * @param normed whether the final layer norm follows
   * @param pooled whether there is a pooled embedding, that of the last model
   */
  private record Kind(int skip, boolean normed, boolean pooled) {

    static final Kind STABLE_DIFFUSION = new Kind(0, true, false);
    static final Kind XL = new Kind(1, false, true);
  }

  /**
   * The encoder of Stable Diffusion 1 and 2: the last hidden state, without a pooled embedding.
   *
   * @param tokenizer whose length and vocabulary the model must have at least
   * @param model belongs to this encoder from then on
   * @throws IllegalArgumentException if they do not fit together
   */
  public static ClipTextEncoder of(ClipTokenizer tokenizer, ClipTextModel model) {
    ClipTextModel.Config config = model.config();
    if (tokenizer.maxLength() > config.positions()) {
      throw new IllegalArgumentException(
          "tokens of a text must be at most the model's positions, "
              + config.positions()
              + ", but the tokenizer makes "
              + tokenizer.maxLength());
    }
    if (tokenizer.vocabularySize() > config.vocabulary()) {
      throw new IllegalArgumentException(
          "ids must be within the model's vocabulary of "
              + config.vocabulary()
              + " but the tokenizer has "
              + tokenizer.vocabularySize());
    }
    return new ClipTextEncoder(List.of(new Part(tokenizer, model)), Kind.STABLE_DIFFUSION, 0);
  }

  /**
   * The encoder of Stable Diffusion XL (Podell et al. 2023, arXiv:2307.01952): the penultimate
   * hidden states of all encoders side by side, and the pooled embedding of the last one.
   *
   * @param encoders usually two, or one for a refiner; they belong to the result from then on
   * @throws IllegalArgumentException if there are none, or if their numbers of tokens differ
   */
  public static ClipTextEncoder xl(List<ClipTextEncoder> encoders) {
    if (encoders.isEmpty()) {
      throw new IllegalArgumentException("encoders must be at least 1 but were 0");
    }
    List<Part> parts = encoders.stream().flatMap(encoder -> encoder.parts.stream()).toList();
    for (ClipTextEncoder encoder : encoders) {
      if (encoder.tokens() != encoders.get(0).tokens()) {
        throw new IllegalArgumentException(
            "encoders must have as many tokens as the first, "
                + encoders.get(0).tokens()
                + ", but one has "
                + encoder.tokens());
      }
    }
    return new ClipTextEncoder(parts, Kind.XL, 0);
  }

  /**
   * An encoder that leaves out further blocks at the end of its models, and shares them with this
   * one: closing either closes both.
   *
   * @param blocks 0 for none. The first block that Stable Diffusion XL leaves out anyway does not
   *     count
   * @throws IllegalArgumentException if the number is negative, or if a model has fewer blocks
   */
  public ClipTextEncoder withClipSkip(int blocks) {
    for (Part part : parts) {
      int most = part.model.config().layers() - kind.skip;
      if (blocks < 0 || blocks > most) {
        throw new IllegalArgumentException(
            "clip skip must be in [0, " + most + "] but was " + blocks);
      }
    }
    return new ClipTextEncoder(parts, kind, blocks);
  }

  /**
   * Whether this was made by {@link #xl}, or by {@link #of}, and leaves out no further blocks.
   *
   * @param xl by which of the two
   */
  boolean isPlain(boolean xl) {
    return kind == (xl ? Kind.XL : Kind.STABLE_DIFFUSION) && clipSkip == 0;
  }

  @Override
  public Embeddings encode(List<String> prompts) {
    return encode(prompts, prompts);
  }

  /** The same with other texts for the second model; as many as for the first. */
  Embeddings encode(List<String> prompts, List<String> second) {
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("prompts must be at least 1 but were 0");
    }
    List<List<Tokens>> tokens = new ArrayList<>();
    Set<String> cut = new LinkedHashSet<>();
    for (int i = 0; i < parts.size(); i++) {
      List<String> texts = i == 1 ? second : prompts;
      tokens.add(tokens(parts.get(i), texts));
      addCut(texts, tokens.get(i), cut);
    }
    if (!cut.isEmpty()) {
      LOG.warn("prompts of more than {} tokens were cut: {}", tokens(), Shown.list(cut));
    }
    List<Embeddings> encoded = new ArrayList<>();
    boolean done = false;
    try {
      for (int i = 0; i < parts.size(); i++) {
        encoded.add(encode(parts.get(i).model, tokens.get(i), i == parts.size() - 1));
      }
      Embeddings all = encoded.size() == 1 ? encoded.get(0) : sideBySide(encoded);
      done = encoded.size() == 1;
      return all;
    } finally {
      if (!done) {
        encoded.forEach(Embeddings::close);
      }
    }
  }

  private static List<Tokens> tokens(Part part, List<String> prompts) {
    return prompts.stream().map(part.tokenizer::encodeSilently).toList();
  }

  private static void addCut(List<String> texts, List<Tokens> tokens, Set<String> cut) {
    for (int i = 0; i < tokens.size(); i++) {
      if (tokens.get(i).cut() > 0) {
        cut.add(texts.get(i));
      }
    }
  }

  private Embeddings encode(ClipTextModel model, List<Tokens> tokens, boolean last) {
    int[][] ids = tokens.stream().map(Tokens::ids).toArray(int[][]::new);
    int[] @Nullable [] mask =
        model.config().masked() ? tokens.stream().map(Tokens::mask).toArray(int[][]::new) : null;
    int skip = kind.skip + clipSkip;
    return kind.pooled && last
        ? model.outputs(ids, mask, skip, kind.normed)
        : model.hidden(ids, mask, skip, kind.normed);
  }

  private static Embeddings sideBySide(List<Embeddings> encoded) {
    INDArray[] states = encoded.stream().map(Embeddings::tokens).toArray(INDArray[]::new);
    INDArray pooled = Objects.requireNonNull(encoded.get(encoded.size() - 1).pooled());
    return Detached.get(
        () -> Condition.embeddings(Nd4j.concat(2, states), null, pooled.dup('c')).owning());
  }

  @Override
  public int tokens() {
    return parts.get(0).tokenizer.maxLength();
  }

  @Override
  public int width() {
    return parts.stream().mapToInt(part -> part.model.config().width()).sum();
  }

  /** The tokenizer of each model, in their order. */
  public List<ClipTokenizer> tokenizers() {
    return parts.stream().map(Part::tokenizer).toList();
  }

  /** The models, which are closed with this. */
  public List<ClipTextModel> models() {
    return parts.stream().map(Part::model).toList();
  }

  /** Closes the models. */
  @Override
  public void close() {
    parts.forEach(part -> part.model.close());
  }
}
