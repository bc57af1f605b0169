package org.diffusion4j.training;

import org.diffusion4j.NoiseSchedule;

/** The weighted squared errors of a batch: what its outputs should be, and how much each counts. */
final class SquaredErrors {

  private final float[] target;
  private final double[] weights;
  private final int length;

  SquaredErrors(NoisyBatch batch, Weighting weighting) {
    int[] t = batch.t();
    target = target(batch);
    length = target.length / t.length;
    weights = new double[t.length];
    for (int i = 0; i < t.length; i++) {
      weights[i] = Weightings.at(weighting, batch.prediction(), batch.schedule(), t[i]);
    }
  }

  /** In C order. */
  private static float[] target(NoisyBatch batch) {
    return switch (batch.prediction()) {
      case EPSILON -> Floats.of(batch.noise());
      case SAMPLE -> Floats.of(batch.x0());
      case VELOCITY -> velocity(batch);
    };
  }

  /** {@code sqrt(alphaBar_t) epsilon - sqrt(1 - alphaBar_t) x_0}: Salimans and Ho 2022. */
  private static float[] velocity(NoisyBatch batch) {
    NoiseSchedule schedule = batch.schedule();
    float[] velocity = Floats.of(batch.noise());
    float[] x0 = Floats.of(batch.x0());
    int[] t = batch.t();
    int length = x0.length / t.length;
    for (int i = 0; i < t.length; i++) {
      float signal = (float) Math.sqrt(schedule.alphaBar(t[i]));
      float noise = (float) Math.sqrt(1 - schedule.alphaBar(t[i]));
      for (int k = i * length; k < (i + 1) * length; k++) {
        velocity[k] = signal * velocity[k] - noise * x0[k];
      }
    }
    return velocity;
  }

  /** Values of one sample. */
  int length() {
    return length;
  }

  /**
   * The mean over the batch, as far as one sample contributes to it, by as many values of its
   * output as a sample has.
   */
  double of(int sample, float[] output, float[] gradient) {
    double weight = weights[sample] / target.length;
    float slope = (float) (2 * weight);
    int first = sample * length;
    double sum = 0;
    for (int i = 0; i < length; i++) {
      float error = output[i] - target[first + i];
      sum += (double) error * error;
      gradient[i] = slope * error;
    }
    return weight * sum;
  }

  static void requireLength(float[] output, int length) {
    if (output.length != length) {
      throw new IllegalArgumentException(
          "outputs must have " + length + " values a sample but had " + output.length);
    }
  }
}
