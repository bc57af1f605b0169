package org.diffusion4j.engine.graph;

/** The precision of products in convolutions. Everything else is computed in float. */
public enum Precision {
  /** Single precision. */
  FLOAT32,

  /** bfloat16 products (8 bits of precision), summed in float. For inference only. */
  BFLOAT16
}
