package org.diffusion4j.engine.graph;

/** What convolutions multiply in; everything else is computed in float. */
public enum Precision {
  /** As the graph says. */
  FLOAT32,

  /** Products of numbers with 8 bits of precision, added up in float: inference alone. */
  BFLOAT16
}
