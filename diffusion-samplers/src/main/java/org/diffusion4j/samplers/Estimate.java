package org.diffusion4j.samplers;

import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The estimates of x_0 and epsilon that follow from a denoiser's output.
 *
 * @param process the scale of the output's process
 * @param x0 the clean samples, corrected
 * @param epsilon the noise as predicted; the output itself if the denoiser predicts noise
 * @param prediction what the denoiser predicts
 * @param output the denoiser's output
 * @param ownsOutput whether the output is closed with this
 * @param variance the learned interpolation between the limits of the variance, for each value, or
 *     null
 * @param correction the correction that was applied to {@code x0}
 */
record Estimate(
    ProcessScale process,
    INDArray x0,
    INDArray epsilon,
    Prediction prediction,
    INDArray output,
    boolean ownsOutput,
    @Nullable INDArray variance,
    X0Correction correction)
    implements AutoCloseable {

  /**
   * The estimate from an output. It owns the variance, and optionally the output.
   *
   * @param x the denoiser's input
   * @param level of {@code x} in the scale that preserves variance
   */
  static Estimate of(
      ProcessScale process,
      Prediction prediction,
      INDArray x,
      INDArray output,
      boolean ownsOutput,
      @Nullable INDArray variance,
      Level level,
      X0Correction correction) {
    Level own = process.own(level);
    INDArray x0 = prediction.x0(x, output, own);
    INDArray epsilon = output;
    boolean done = false;
    try {
      if (prediction != Prediction.EPSILON) {
        epsilon = prediction.epsilon(x, output, own);
      }
      correction.correct(x0, x, own);
      done = true;
      return new Estimate(
          process, x0, epsilon, prediction, output, ownsOutput, variance, correction);
    } finally {
      if (!done) {
        x0.close();
        if (epsilon != output) {
          epsilon.close();
        }
      }
    }
  }

  /** The corrected clean samples that follow if the output is applied to other samples. */
  INDArray x0In(INDArray x, Level level) {
    Level own = process.own(level);
    INDArray input = process.scaled(x, own);
    try {
      INDArray other = prediction.x0(input, output, own);
      boolean done = false;
      try {
        correction.correct(other, input, own);
        done = true;
        return other;
      } finally {
        if (!done) {
          other.close();
        }
      }
    } finally {
      if (input != x) {
        input.close();
      }
    }
  }

  /**
   * The noise that follows from the corrected clean samples, {@code (x - signal x_0) / noise}. This
   * is the direction of the probability flow, d(x / signal) / d sigma: Karras et al. 2022, equation
   * 3.
   */
  INDArray direction(INDArray x, Level level) {
    return Elements.combine(1 / level.noise(), x, -level.signal() / level.noise(), x0);
  }

  @Override
  public void close() {
    x0.close();
    if (epsilon != output) {
      epsilon.close();
    }
    if (ownsOutput) {
      output.close();
    }
    if (variance != null) {
      variance.close();
    }
  }
}
