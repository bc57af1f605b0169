package org.diffusion4j;

import java.util.OptionalLong;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.internal.common.Detached;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A denoiser whose predictions are moved along a gradient: {@code epsilon - scale noise gradient},
 * where the gradient is that of a logarithm of a probability with respect to x_t. This is the score
 * of the product of both distributions: Dhariwal and Nichol 2021, equation 14.
 */
abstract class Guided implements Denoiser {

  final Denoiser model;
  private final double scale;

  /** The number of values of a sample. */
  final int size;

  Guided(Denoiser model, double scale) {
    if (!Double.isFinite(scale)) {
      throw new IllegalArgumentException("guidance scale must be finite but was " + scale);
    }
    this.model = model;
    this.scale = scale;
    long length = 1;
    for (long side : model.sampleShape()) {
      length *= side;
    }
    size = Math.toIntExact(length);
  }

  /**
   * Changes a sample's prediction in place.
   *
   * @param output predictions of a batch, in C order
   * @param start of the sample's
   * @param level of the sample
   * @param gradient of the batch, in C order
   * @param from where the sample's begins
   */
  final void move(float[] output, int start, Level level, float[] gradient, int from) {
    if (level.signal() == 0) {
      return; // nothing follows from noise alone
    }
    // The output's derivative with respect to epsilon at a given x_t is determinant / signal.
    double ofGradient = -scale * level.noise() * prediction().determinant(level) / level.signal();
    for (int k = 0; k < size; k++) {
      output[start + k] += (float) (ofGradient * gradient[from + k]);
    }
  }

  /** The number of values of a prediction, with a learned variance behind it. */
  final int outputSize() {
    return learnsVariance() ? 2 * size : size;
  }

  /** The noise level at a time. */
  final Level level(double t) {
    NoiseSchedule schedule = schedule();
    return schedule.isContinuous() || t != Math.rint(t)
        ? schedule.levelOfSigma(schedule.sigmaOfTime(t))
        : schedule.level((int) t);
  }

  static SamplingException notFinite(String what, int sample, double t) {
    return new SamplingException(
        what
            + " must be finite but was not for sample "
            + sample
            + " of a batch at timestep "
            + (t == Math.rint(t) ? Long.toString((long) t) : Double.toString(t)));
  }

  static float[] values(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** The values of a model's output, which is closed. */
  static float[] take(@Nullable INDArray output, INDArray input, int length) {
    if (output == null || output.wasClosed() || output.length() != length) {
      throw new SamplingException(
          "the denoiser must return "
              + length
              + " values to guidance but returned "
              + (output == null
                  ? "null"
                  : output.wasClosed() ? "a closed array" : output.length()));
    }
    try {
      return values(output);
    } finally {
      if (output != input && output.closeable()) {
        output.close();
      }
    }
  }

  @Override
  public final INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return Detached.get(
        () -> {
          float[] output = guided(xt, t.toFloatVector(), t, condition);
          long[] shape = xt.shape().clone();
          shape[1] *= learnsVariance() ? 2 : 1;
          return Nd4j.create(output, shape, 'c');
        });
  }

  /** The guided predictions of a batch, in C order. */
  abstract float[] guided(INDArray xt, float[] times, INDArray t, Condition condition);

  @Override
  public final NoiseSchedule schedule() {
    return model.schedule();
  }

  @Override
  public final long[] sampleShape() {
    return model.sampleShape();
  }

  @Override
  public final Prediction prediction() {
    return model.prediction();
  }

  @Override
  public final boolean learnsVariance() {
    return model.learnsVariance();
  }

  @Override
  public final boolean isDeterministic() {
    return model.isDeterministic();
  }

  @Override
  public final Condition.Takes takes() {
    return model.takes();
  }

  /** {@inheritDoc} Without what a gradient takes that the caller supplies. */
  @Override
  public final OptionalLong predictionBytes(int n) {
    OptionalLong once = modelBytes(n);
    long arrays = (long) Float.BYTES * n * (size + outputSize());
    return once.isEmpty() ? once : OptionalLong.of(once.getAsLong() + arrays);
  }

  /** What the model's part of a prediction takes, in bytes. */
  OptionalLong modelBytes(int n) {
    return model.predictionBytes(n);
  }

  @Override
  public final String toString() {
    return getClass().getSimpleName() + "[scale=" + scale + ", " + model + "]";
  }
}
