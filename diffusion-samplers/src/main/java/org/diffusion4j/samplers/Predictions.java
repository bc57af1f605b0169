package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Calls a denoiser for all samples of a request, batch by batch. */
final class Predictions implements AutoCloseable {

  private final Denoiser model;
  private final SamplingRequest request;
  private final X0Correction correction;
  private final SigmaCurve curve;
  private final CheckedDenoiser checked;

  Predictions(Denoiser model, SamplingRequest request, X0Correction correction) {
    this.model = model;
    this.request = request;
    this.correction = correction;
    curve = new SigmaCurve(model.schedule());
    checked = new CheckedDenoiser(model);
  }

  /** The lowest noise level that the denoiser knows. */
  double lowest() {
    return curve.min();
  }

  /**
   * The clean samples, corrected.
   *
   * @param y all samples, {@code x / signal}
   * @param sigma their noise level
   */
  float[] x0(float[] y, double sigma) {
    Level level = model.schedule().levelOfSigma(sigma);
    int size = y.length / request.count();
    float[] all = new float[y.length];
    for (int first = 0; first < request.count(); first += request.batchSize()) {
      int n = Math.min(request.batchSize(), request.count() - first);
      float[] x = Arrays.copyOfRange(y, first * size, (first + n) * size);
      for (int k = 0; k < x.length; k++) {
        x[k] *= (float) level.signal();
      }
      float[] times = new float[n];
      Arrays.fill(times, (float) curve.t(sigma));
      Condition condition = request.condition().slice(first, first + n);
      if (request.cancelToken().isCancelled() || Thread.currentThread().isInterrupted()) {
        throw new SamplingCancelledException("fitting was cancelled", 0, null, null);
      }
      try (INDArray xt = Nd4j.create(x, Trajectories.shape(model, n), 'c');
          INDArray t = Nd4j.create(times, new long[] {n}, 'c')) {
        INDArray output = checked.predict(xt, t, condition, first, String.valueOf(times[0]));
        INDArray mean =
            model.learnsVariance()
                ? output.get(NDArrayIndex.all(), NDArrayIndex.interval(0, xt.size(1)))
                : output;
        try (INDArray plain = mean.dup('c');
            INDArray x0 = model.prediction().x0(xt, plain, level)) {
          correction.correct(x0, xt, level);
          System.arraycopy(Trajectories.values(x0), 0, all, first * size, n * size);
        }
      }
    }
    return all;
  }

  /** Finished samples, corrected as predictions are. */
  float[] corrected(float[] samples) {
    if (correction == X0Correction.none()) {
      return samples;
    }
    try (INDArray x = Nd4j.create(samples, Trajectories.shape(model, request.count()), 'c')) {
      correction.correct(x, x, Level.CLEAN);
      return Trajectories.values(x);
    }
  }

  @Override
  public void close() {
    checked.close();
  }
}
