package org.diffusion4j.examples;

import org.nd4j.linalg.api.buffer.DataType;
import picocli.CommandLine.Option;

/** The option of the examples that write a trained model. */
final class HalfOption {

  @Option(
      names = "--half",
      description = "Writes the model with weights of 16 bits, in half the space.")
  private boolean half;

  /** How weights are written. */
  DataType weights() {
    return half ? DataType.FLOAT16 : DataType.FLOAT;
  }
}
