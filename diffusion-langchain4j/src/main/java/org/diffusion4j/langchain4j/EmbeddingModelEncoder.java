package org.diffusion4j.langchain4j;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.text.TextEncoder;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Encodes texts with an {@link EmbeddingModel} of LangChain4j. The embedding of a text is its only
 * token; optionally it is its pooled embedding too.
 *
 * <p>A blank text, which embedding models refuse, has the embedding 0. This is also what training
 * without a text sees, so that it serves as the counterpart for guidance.
 *
 * <p>It is safe for use by several threads if the embedding model is.
 */
public final class EmbeddingModelEncoder implements TextEncoder {

  private final EmbeddingModel model;
  private final int width;
  private final boolean pooled;

  private EmbeddingModelEncoder(EmbeddingModel model, int width, boolean pooled) {
    this.model = model;
    this.width = width;
    this.pooled = pooled;
  }

  /**
   * An encoder without pooled embeddings.
   *
   * @param model asked once for its dimension here, which a remote model may have to embed a text
   *     for
   * @throws IllegalArgumentException if its dimension is not positive
   */
  public static EmbeddingModelEncoder of(EmbeddingModel model) {
    int width = Objects.requireNonNull(model, "model").dimension();
    if (width < 1) {
      throw new IllegalArgumentException(
          "dimension of the embedding model must be at least 1 but was " + width);
    }
    return new EmbeddingModelEncoder(model, width, false);
  }

  /** A copy whose results have the embedding of a text as its pooled embedding too. */
  public EmbeddingModelEncoder withPooled() {
    return new EmbeddingModelEncoder(model, width, true);
  }

  /**
   * {@inheritDoc} Exceptions of the embedding model are passed on.
   *
   * @throws IllegalStateException if the embedding model returns other than one embedding of its
   *     dimension for each text
   */
  @Override
  public Embeddings encode(List<String> prompts) {
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("prompts must be at least 1 but were 0");
    }
    float[] values = new float[Math.multiplyExact(prompts.size(), width)];
    List<TextSegment> texts = new ArrayList<>();
    List<Integer> rows = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      if (!prompts.get(i).isBlank()) {
        texts.add(TextSegment.from(prompts.get(i)));
        rows.add(i);
      }
    }
    List<float[]> vectors = texts.isEmpty() ? List.of() : embed(texts);
    for (int i = 0; i < vectors.size(); i++) {
      System.arraycopy(vectors.get(i), 0, values, rows.get(i) * width, width);
    }
    int n = prompts.size();
    return Detached.get(
        () ->
            Condition.embeddings(
                    Nd4j.create(values, new long[] {n, 1, width}, 'c'),
                    null,
                    pooled ? Nd4j.create(values, new long[] {n, width}, 'c') : null)
                .owning());
  }

  private List<float[]> embed(List<TextSegment> texts) {
    List<float[]> vectors =
        model.embedAll(texts).content().stream().map(Embedding::vector).toList();
    if (vectors.size() != texts.size()) {
      throw new IllegalStateException(
          "embeddings must be one per text, " + texts.size() + ", but were " + vectors.size());
    }
    for (float[] vector : vectors) {
      if (vector.length != width) {
        throw new IllegalStateException(
            "embeddings must have the model's dimension, "
                + width
                + ", but one has "
                + vector.length);
      }
    }
    return vectors;
  }

  /** 1. */
  @Override
  public int tokens() {
    return 1;
  }

  @Override
  public int width() {
    return width;
  }

  /** Does nothing: the embedding model belongs to the application. */
  @Override
  public void close() {}
}
