package org.diffusion4j.engine.graph;

/** The loss of one call: its function, and what it was of each sample of the batch. */
public final class Losses {

  private final SampleLoss loss;
  private final double[] bySample;

  public Losses(SampleLoss loss, int batch) {
    this.loss = loss;
    bySample = new double[batch];
  }

  /** Asks for the loss of a sample and its gradient. Threads ask about different samples. */
  public void ask(int sample, float[] output, float[] gradient) {
    bySample[sample] = loss.of(sample, output, gradient);
  }

  /** Added up in the order of the samples, so that it does not depend on the threads. */
  public double sum() {
    double sum = 0;
    for (double one : bySample) {
      sum += one;
    }
    return sum;
  }
}
