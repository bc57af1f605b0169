package org.diffusion4j.text;

/**
 * Token ids as the trainer's embeddings of width 1: differences from the ids of the empty prompt.
 * Floats hold them exactly.
 */
final class TokenDifferences {

  private final ClipTokenizer tokenizer;
  private final int[] empty;

  TokenDifferences(ClipTokenizer tokenizer) {
    this.tokenizer = tokenizer;
    empty = tokenizer.encodeSilently("").ids();
  }

  float[] of(String text) {
    int[] ids = tokenizer.encodeSilently(text).ids();
    float[] differences = new float[ids.length];
    for (int i = 0; i < ids.length; i++) {
      differences[i] = ids[i] - empty[i];
    }
    return differences;
  }
}
