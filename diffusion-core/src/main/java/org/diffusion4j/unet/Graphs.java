package org.diffusion4j.unet;

/** The names by which a graph's inputs and output are found. */
final class Graphs {

  static final String SAMPLE = "sample";
  static final String TIMESTEP = "timestep";
  static final String CLASS = "class_labels";
  static final String OUTPUT = "output";
  static final String OUTPUT_GRADIENT = "output_gradient";
  static final String LOSS = "loss";

  /** How the names of placeholders end that stand for the masks of dropout layers. */
  static final String DROPOUT = ".dropout";

  private Graphs() {}
}
