package org.diffusion4j.engine.graph;

/** A loss that is a sum over samples, each a function of the graph's output for it. */
@FunctionalInterface
public interface SampleLoss {

  /**
   * The loss of one sample, asked by the thread that computes it.
   *
   * @param sample index within the batch
   * @param output of the graph for it, in C order
   * @param gradient receives the derivative of the loss by each value of the output
   */
  double of(int sample, float[] output, float[] gradient);
}
