package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** An evaluation of a bound. Sums are in the order of the samples, for any batch size. */
final class BoundRun {

  private final VariationalBound bound;
  private final Denoiser model;
  private final ForwardProcess process;
  private final int length;
  private final long seed;
  private final NoiseSource.Run noise;

  /** In nats per sample. */
  private final double[] totals;

  private final double[] terms;
  private final int[] asked;
  private double prior;

  /**
   * @param n total number of samples
   * @param length number of values of a sample
   */
  BoundRun(VariationalBound bound, int n, int length, long seed) {
    this.bound = bound;
    this.length = length;
    this.seed = seed;
    model = bound.model();
    process = new ForwardProcess(model.schedule());
    noise = NoiseSource.perSample(seed).start();
    totals = new double[n];
    terms = new double[bound.steps().length];
    asked = new int[terms.length];
  }

  /** Adds a batch; {@code first} is the index of its first sample. */
  void add(int first, INDArray x0, Condition condition) {
    float[] clean = Floats.of(x0);
    if (bound.images()) {
      EightBit.requireRange(clean);
    }
    int n = clean.length / length;
    NoiseSource.Batch draws = noise.batch(first, n);
    RandomGenerator[] choices = new RandomGenerator[n];
    for (int i = 0; i < n; i++) {
      choices[i] = Draws.at(seed, first + i);
      addPrior(first + i, clean, i);
    }
    for (int part = bound.parts() - 1; part >= 0; part--) {
      int start = bound.start(part);
      int end = bound.start(part + 1);
      int[] t = new int[n];
      for (int i = 0; i < n; i++) {
        t[i] = choices[i].nextInt(start, end);
      }
      try (INDArray epsilon = draws.next(x0.shape());
          INDArray xt = process.noisy(x0, epsilon, t)) {
        addTerms(first, clean, xt, t, end - start, condition);
      }
    }
  }

  /** KL(N(sqrt(alphaBar_T) x_0, 1 - alphaBar_T) || N(0, 1)). */
  private void addPrior(int index, float[] x0, int sample) {
    double alphaBar = model.schedule().alphaBar(terms.length - 1);
    double nats = 0;
    for (int k = sample * length; k < (sample + 1) * length; k++) {
      nats += 0.5 * (alphaBar * x0[k] * x0[k] - alphaBar - Math.log1p(-alphaBar));
    }
    prior += nats;
    totals[index] += nats;
  }

  /**
   * @param share number of timesteps that each term represents
   */
  private void addTerms(
      int first, float[] x0, INDArray xt, int[] t, int share, Condition condition) {
    float[] noisy = Floats.of(xt);
    float[] output = output(xt, t, condition);
    for (int i = 0; i < t.length; i++) {
      ReverseStep step = bound.steps()[t[i]];
      double nats = bound.nats(step, x0, noisy, output, i, length, output.length / t.length);
      if (!Double.isFinite(nats)) {
        throw new IllegalStateException(
            "the bound must be finite but was "
                + nats
                + " for sample "
                + (first + i)
                + " at timestep "
                + t[i]);
      }
      terms[t[i]] += nats;
      asked[t[i]]++;
      totals[first + i] += share * nats;
    }
  }

  private float[] output(INDArray xt, int[] t, Condition condition) {
    try (INDArray time = Nd4j.createFromArray(Floats.of(t))) {
      INDArray output = model.predict(xt, time, condition);
      if (output == null) {
        throw new IllegalStateException("the denoiser must return an array but returned null");
      }
      try {
        long[] shape = xt.shape().clone();
        shape[1] *= model.learnsVariance() ? 2 : 1;
        if (!Arrays.equals(output.shape(), shape)) {
          throw new IllegalStateException(
              "the denoiser must return the shape "
                  + Arrays.toString(shape)
                  + " but returned "
                  + Arrays.toString(output.shape()));
        }
        return Floats.of(output);
      } finally {
        if (output != xt && output.closeable()) {
          output.close();
        }
      }
    }
  }

  VariationalBound.Result result() {
    double bits = 1 / (length * Math.log(2));
    int n = totals.length;
    double mean = Arrays.stream(totals).sum() / n;
    double squares = Arrays.stream(totals).map(total -> (total - mean) * (total - mean)).sum();
    List<Double> each = new ArrayList<>();
    for (int t = 0; t < terms.length; t++) {
      each.add(bits * terms[t] / asked[t]);
    }
    return new VariationalBound.Result(
        n,
        bits * mean,
        bits * Math.sqrt(squares / (n - 1) / n),
        bits * prior / n,
        List.copyOf(each));
  }
}
