package org.diffusion4j.samplers;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.SamplingException;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The probability flow of a batch: {@code dy / d log sigma = sigma epsilon}, where {@code y = x /
 * signal} (Karras et al. 2022, equation 3), and the integral of its divergence. A row of the state
 * has the values of y, followed by a divergence for each probe.
 *
 * <p>Below the level of timestep 0, which the denoiser does not know, the score is taken to be that
 * of this level, so that the derivative falls with the square of sigma.
 */
final class FlowField implements DormandPrince.Slope, AutoCloseable {

  private final Denoiser model;
  private final CheckedDenoiser checked;
  private final SigmaCurve curve;
  private final Condition condition;
  private final int first;
  private final long[] shape;
  private final int size;
  private final Probes probes;
  private int calls;

  /**
   * @param condition of the batch
   * @param first number of the batch's first sample, for messages
   * @param shape of the batch
   * @param probes of the divergence
   */
  FlowField(Denoiser model, Condition condition, int first, long[] shape, Probes probes) {
    this.model = model;
    this.condition = condition;
    this.first = first;
    this.shape = shape;
    this.probes = probes;
    checked = new CheckedDenoiser(model);
    curve = new SigmaCurve(model.schedule());
    int values = 1;
    for (int d = 1; d < shape.length; d++) {
      values = Math.multiplyExact(values, Math.toIntExact(shape[d]));
    }
    size = values;
  }

  /** The number of denoiser calls, also of those for gradients. */
  int calls() {
    return calls;
  }

  @Override
  public void of(double[] logSigmas, double[][] state, double[][] slope) {
    int n = state.length;
    Level[] levels = new Level[n];
    float[] times = new float[n];
    float[] values = new float[n * size];
    double[] factors = new double[n];
    for (int i = 0; i < n; i++) {
      double sigma = Math.max(Math.exp(logSigmas[i]), curve.min());
      factors[i] = Math.exp(2 * logSigmas[i]) / sigma;
      levels[i] = model.schedule().levelOfSigma(sigma);
      times[i] = (float) curve.t(sigma);
      for (int k = 0; k < size; k++) {
        values[i * size + k] = (float) (levels[i].signal() * state[i][k]);
      }
    }
    try (INDArray x = Nd4j.create(values, shape, 'c');
        INDArray t = Nd4j.create(times, new long[] {n}, 'c')) {
      float[] output = new float[n * size];
      if (probes.calls() == 0) {
        predict(x, t, output);
      }
      for (int p = 0; p < probes.calls(); p++) {
        float[] gradient = gradient(x, t, p, output);
        for (int i = 0; i < n; i++) {
          double[] of = epsilon(levels[i]);
          double trace = of[1] * probes.product(first + i, p, gradient, i * size, size);
          // The trace of the derivative with respect to y.
          double part = factors[i] * levels[i].signal() * (of[0] * probes.share(size) + trace);
          int column = size + probes.column(p);
          slope[i][column] = probes.isFirst(p) ? part : slope[i][column] + part;
        }
      }
      for (int i = 0; i < n; i++) {
        double[] of = epsilon(levels[i]);
        for (int k = 0; k < size; k++) {
          int at = i * size + k;
          slope[i][k] = factors[i] * (of[0] * values[at] + of[1] * output[at]);
        }
      }
    }
  }

  private void predict(INDArray x, INDArray t, float[] values) {
    calls++;
    INDArray output = checked.predict(x, t, condition, first, "of the flow");
    copy(output, values);
  }

  /** The first values of each sample; a learned variance follows them. */
  private void copy(INDArray output, float[] values) {
    try (INDArray plain = output.dup('c')) {
      float[] all = plain.data().asFloat();
      int n = values.length / size;
      for (int i = 0; i < n; i++) {
        System.arraycopy(all, i * (all.length / n), values, i * size, size);
      }
    }
  }

  /** The gradient of the product of the outputs with a probe. */
  private float[] gradient(INDArray x, INDArray t, int p, float[] outputs) {
    calls++;
    SampleLoss product =
        (i, output, slope) -> {
          System.arraycopy(output, 0, outputs, i * size, size);
          double sum = 0;
          for (int k = 0; k < output.length; k++) {
            slope[k] = k < size ? (float) probes.value(first + i, p, k) : 0;
            sum += slope[k] * output[k];
          }
          return sum;
        };
    try (INDArray gradient = model.inputGradient(x, t, condition, product);
        INDArray plain = gradient.dup('c')) {
      float[] values = plain.data().asFloat();
      requireFinite(outputs, "predictions");
      requireFinite(values, "gradients");
      return values;
    }
  }

  private void requireFinite(float[] values, String what) {
    for (int k = 0; k < values.length; k++) {
      if (!Float.isFinite(values[k])) {
        throw new SamplingException(
            "the denoiser must return finite "
                + what
                + " but did not for sample "
                + (first + k / size));
      }
    }
  }

  /** The factors of x and of the output in epsilon: {@link org.diffusion4j.Prediction#epsilon}. */
  private double[] epsilon(Level level) {
    double ofX0 = model.prediction().ofX0(level);
    double determinant =
        level.signal() * model.prediction().ofEpsilon(level) - level.noise() * ofX0;
    return new double[] {-ofX0 / determinant, level.signal() / determinant};
  }

  @Override
  public void close() {
    checked.close();
  }
}
