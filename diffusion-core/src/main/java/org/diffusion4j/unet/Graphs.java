package org.diffusion4j.unet;

/** The names of a graph's inputs and output. */
final class Graphs {

  static final String SAMPLE = "sample";
  static final String TIMESTEP = "timestep";
  static final String CLASS = "class_labels";

  /** Text embeddings, {@code [n, tokens, width]}, with diffusers' name. */
  static final String EMBEDDINGS = "encoder_hidden_states";

  /** The mask of the embeddings, {@code [n, tokens]}. */
  static final String MASK = "encoder_attention_mask";

  /** An embedding of each whole text, {@code [n, width]}. */
  static final String POOLED = "text_embeds";

  /** Pictures that belong to the samples, {@code [n, channels, height, width]}. */
  static final String PICTURES = "pictures";

  static final String OUTPUT = "output";

  /** The suffix of placeholders for the masks of dropout layers. */
  static final String DROPOUT = ".dropout";

  private Graphs() {}
}
