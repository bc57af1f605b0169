package org.diffusion4j.engine.graph;

import org.diffusion4j.SampleLoss;

/** The loss of a call: its function and its values for the samples of the batch. */
public final class Losses {

  private final SampleLoss loss;
  private final double[] bySample;

  public Losses(SampleLoss loss, int batch) {
    this.loss = loss;
    bySample = new double[batch];
  }

  /**
   * Computes the loss of a sample and its gradient. Threads may call this for different samples.
   */
  public void ask(int sample, float[] output, float[] gradient) {
    bySample[sample] = loss.of(sample, output, gradient);
  }

  /**
   * Computes the losses of all samples, one after the other.
   *
   * @param outputs of the batch, sample after sample
   * @param gradients receives the derivatives of the losses with respect to the outputs
   */
  public void askAll(float[] outputs, float[] gradients) {
    int length = outputs.length / bySample.length;
    float[] output = new float[length];
    float[] gradient = new float[length];
    for (int i = 0; i < bySample.length; i++) {
      System.arraycopy(outputs, i * length, output, 0, length);
      ask(i, output, gradient);
      System.arraycopy(gradient, 0, gradients, i * length, length);
    }
  }

  /** The loss of each sample. */
  public double[] bySample() {
    return bySample.clone();
  }

  /** The sum in the order of the samples, so that it does not depend on threads. */
  public double sum() {
    double sum = 0;
    for (double one : bySample) {
      sum += one;
    }
    return sum;
  }
}
