package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SamplingException;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Calls a denoiser and checks its contract.
 *
 * <p>A result is closed after the next call. If the denoiser returns the same array each time, it
 * is not closed.
 */
final class CheckedDenoiser implements AutoCloseable {

  /** Number of values of the input that are compared after the call. */
  private static final int PROBES = 32;

  private final Denoiser model;
  private @Nullable INDArray newest;

  /** Whether it was returned more than once, so that the denoiser owns it. */
  private boolean kept;

  CheckedDenoiser(Denoiser model) {
    this.model = model;
  }

  /**
   * Calls the denoiser. The result is valid until the next call and must not be closed by the
   * caller.
   *
   * @param first index of the batch's first sample
   * @param time the timestep as text, for messages
   */
  INDArray predict(INDArray x, INDArray t, Condition condition, int first, String time) {
    float[] before = probe(x);
    INDArray output = model.predict(x, t, condition);
    take(output, x);
    requireFits(output, x, time);
    if (x.wasClosed() || !Arrays.equals(before, probe(x))) {
      throw new SamplingException(
          "the denoiser must leave its input as it is but "
              + (x.wasClosed() ? "closed" : "changed")
              + " it at timestep "
              + time);
    }
    int bad = Finite.firstBad(output);
    if (bad >= 0) {
      throw new SamplingException(
          (Finite.firstBad(x) >= 0
                  ? "the denoiser must be given finite values but was not for sample "
                  : "the denoiser must return finite values but did not for sample ")
              + (first + bad)
              + " at timestep "
              + time);
    }
    return output;
  }

  private void take(@Nullable INDArray output, INDArray x) {
    if (output != null && output == newest) {
      kept = true;
      return;
    }
    close();
    newest = output != null && output != x && output.closeable() ? output : null;
  }

  private void requireFits(@Nullable INDArray output, INDArray x, String time) {
    long[] expected = x.shape().clone();
    if (model.learnsVariance()) {
      expected[1] *= 2;
    }
    if (output == null || output.wasClosed()) {
      throw new SamplingException(
          "the denoiser must return "
              + (output == null ? "an array but returned null" : "an open array but a closed one")
              + " at timestep "
              + time);
    }
    if (!Arrays.equals(output.shape(), expected)) {
      throw new SamplingException(
          "the denoiser must return the shape "
              + Arrays.toString(expected)
              + " but returned "
              + Arrays.toString(output.shape())
              + " at timestep "
              + time);
    }
    if (output.dataType() != DataType.FLOAT) {
      throw new SamplingException(
          "the denoiser must return FLOAT but returned "
              + output.dataType()
              + " at timestep "
              + time);
    }
  }

  /** Some values, evenly spaced over the array. */
  private static float[] probe(INDArray x) {
    if (x.wasClosed()) {
      return new float[0];
    }
    long length = x.length();
    float[] values = new float[(int) Math.min(length, PROBES)];
    for (int i = 0; i < values.length; i++) {
      values[i] = x.getFloat(i * length / values.length);
    }
    return values;
  }

  @Override
  public void close() {
    if (newest != null && !kept && newest.closeable()) {
      newest.close();
    }
    newest = null;
    kept = false;
  }
}
