package org.diffusion4j.text;

import java.util.List;
import org.diffusion4j.Condition;

/**
 * Makes of texts what a text-conditioned denoiser takes. Samplers know only the result.
 *
 * <p>Implementations are safe for use by several threads.
 */
public interface TextEncoder extends AutoCloseable {

  /**
   * Encodes texts.
   *
   * @param prompts at least 1; each may be empty, and is cut if it is too long
   * @return one embedding for each text, in their order: {@code tokens} FLOAT {@code [n, tokens,
   *     width]}, and a pooled embedding and a mask if the encoder has them; to be closed by the
   *     caller
   * @throws IllegalArgumentException if there are no texts
   * @throws IllegalStateException if this encoder is closed
   */
  Condition.Embeddings encode(List<String> prompts);

  /** The number of tokens of each text, the same for all texts. */
  int tokens();

  /** The width of a token's embedding. */
  int width();

  /** Frees the weights. Later calls of {@link #encode} throw {@link IllegalStateException}. */
  @Override
  void close();
}
