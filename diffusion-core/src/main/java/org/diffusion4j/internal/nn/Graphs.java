package org.diffusion4j.internal.nn;

/** The names of a graph's inputs and output. */
public final class Graphs {

  public static final String SAMPLE = "sample";
  public static final String TIMESTEP = "timestep";
  public static final String CLASS = "class_labels";

  /** Text embeddings, {@code [n, tokens, width]}, with diffusers' name. */
  public static final String EMBEDDINGS = "encoder_hidden_states";

  /** The mask of the embeddings, {@code [n, tokens]}. */
  public static final String MASK = "encoder_attention_mask";

  /** An embedding of each whole text, {@code [n, width]}. */
  public static final String POOLED = "text_embeds";

  /** Pictures that belong to the samples, {@code [n, channels, height, width]}. */
  public static final String PICTURES = "pictures";

  /** Numbers that are embedded as timesteps, {@code [n, numbers]}. */
  public static final String TIME_IDS = "time_ids";

  /** A vector that is added to the timestep's sines and cosines, {@code [n, width]}. */
  public static final String TIMESTEP_CONDITION = "timestep_cond";

  /** The prefix of the values that are added to skip connections, with numbers from 0. */
  public static final String DOWN_RESIDUAL = "down_residual.";

  /** What is added to the output of the middle. */
  public static final String MIDDLE_RESIDUAL = "mid_residual";

  public static final String OUTPUT = "output";

  /** The suffix of placeholders for the masks of dropout layers. */
  public static final String DROPOUT = ".dropout";

  /** The suffix of placeholders for standard normal noise, which training draws. */
  public static final String NOISE = ".noise";

  private Graphs() {}
}
