package org.diffusion4j.onnx;

import org.diffusion4j.engine.samediff.Op;

/** Converts operations of one kind to ONNX operations. */
@FunctionalInterface
interface Conversion {

  /**
   * Adds what computes the results of an operation.
   *
   * @throws IllegalArgumentException if ONNX has nothing for these settings; the message says which
   */
  void convert(Op op, OnnxGraph to);
}
