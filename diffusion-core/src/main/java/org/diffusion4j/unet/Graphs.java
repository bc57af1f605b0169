package org.diffusion4j.unet;

/** The names by which a graph's inputs and output are found. */
final class Graphs {

  static final String SAMPLE = "sample";
  static final String TIMESTEP = "timestep";
  static final String CLASS = "class_labels";

  /** Embeddings of texts, {@code [n, tokens, width]}, as diffusers names them. */
  static final String EMBEDDINGS = "encoder_hidden_states";

  /** Which embeddings count, {@code [n, tokens]}. */
  static final String MASK = "encoder_attention_mask";

  /** An embedding of each whole text, {@code [n, width]}. */
  static final String POOLED = "text_embeds";

  /** Pictures beside the samples, {@code [n, channels, height, width]}. */
  static final String PICTURES = "pictures";

  static final String OUTPUT = "output";

  /** How the names of placeholders end that stand for the masks of dropout layers. */
  static final String DROPOUT = ".dropout";

  private Graphs() {}
}
