package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A denoiser seen as the score of noisy samples, and the ordinary differential equation that
 * follows from it: the probability flow (Song et al. 2021, section 4.3). It maps samples to noise
 * and back, and gives the likelihood of samples. Immutable.
 *
 * <pre>{@code
 * ProbabilityFlow flow = ProbabilityFlow.of(model);
 * try (INDArray noise = flow.encode(images, Condition.none())) { ... }
 * Likelihood likelihood = flow.logLikelihood(images, Condition.none(), Divergence.hutchinson(1, 7));
 * double bits = likelihood.bitsPerDimension();
 * }</pre>
 *
 * <p>The flow is solved with steps that adapt to the tolerance, for each sample on its own; so a
 * sample's result does not depend on the batch, unless the denoiser's output does. Below the noise
 * level of timestep 0, which the denoiser does not know, the score is taken to be that of this
 * level. Likelihoods begin with noise alone: above the noise level of the last timestep, the noise
 * in a sample is taken to be what the denoiser predicts there.
 */
public final class ProbabilityFlow {

  private static final double TOLERANCE = 1e-5;
  private static final double LEAST_TOLERANCE = 1e-8;
  private static final int BATCH = 64;

  /** Where the flow begins, as a part of the lowest noise level; the rest of the way is nothing. */
  private static final double LOWEST = 0.01;

  private static final double LOG_TWO_PI = Math.log(2 * Math.PI);

  private final Denoiser model;
  private final double tolerance;
  private final int batchSize;

  private ProbabilityFlow(Denoiser model, double tolerance, int batchSize) {
    this.model = model;
    this.tolerance = tolerance;
    this.batchSize = batchSize;
  }

  /**
   * The flow of a denoiser.
   *
   * @param model stays the caller's
   * @throws IllegalArgumentException if it predicts noise on a schedule without signal at its end
   */
  public static ProbabilityFlow of(Denoiser model) {
    int last = model.schedule().steps() - 1;
    model.prediction().requireFits(model.schedule());
    boolean predictsNoise =
        model.prediction() == Prediction.EPSILON || model.prediction() == Prediction.SCORE;
    if (predictsNoise && model.schedule().alphaBar(last) == 0) {
      throw new IllegalArgumentException(
          "the denoiser must predict velocities or samples where the schedule's alphaBar is 0, at"
              + " timestep "
              + last
              + ", but predicts noise");
    }
    return new ProbabilityFlow(model, TOLERANCE, BATCH);
  }

  /**
   * A copy with another tolerance.
   *
   * @param error of each step in a value of x_t, and in the logarithm of the density for each
   *     value, in [1e-8, 0.1]; the default is 1e-5
   */
  public ProbabilityFlow withTolerance(double error) {
    if (!(error >= LEAST_TOLERANCE && error <= 0.1)) {
      throw new IllegalArgumentException("tolerance must be in [1e-8, 0.1] but was " + error);
    }
    return new ProbabilityFlow(model, error, batchSize);
  }

  /**
   * A copy with another batch size.
   *
   * @param n number of samples of a denoiser call, at least 1; the default is 64
   */
  public ProbabilityFlow withBatchSize(int n) {
    if (n < 1) {
      throw new IllegalArgumentException("batch size must be at least 1 but was " + n);
    }
    return new ProbabilityFlow(model, tolerance, n);
  }

  /**
   * The score of noisy samples, the gradient of the logarithm of their density: {@code -epsilon /
   * noise} (Song et al. 2021, section 3.3).
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}
   * @param t their timestep, in [0, T-1]
   * @param condition what they should show
   * @return a new array of the shape of {@code xt}, owned by the caller
   * @throws IllegalArgumentException if a shape, a type, the timestep or the condition does not fit
   */
  public INDArray score(INDArray xt, int t, Condition condition) {
    requireSamples(xt, condition);
    requireTimestep(t);
    return Detached.get(
        () -> {
          try (CheckedDenoiser checked = new CheckedDenoiser(model)) {
            return score(checked, xt, t, condition);
          }
        });
  }

  private INDArray score(CheckedDenoiser checked, INDArray xt, int t, Condition condition) {
    float[] times = new float[Math.toIntExact(xt.size(0))];
    Arrays.fill(times, (float) new SigmaCurve(model.schedule()).time(t));
    Level level = model.schedule().level(t);
    try (INDArray time = Nd4j.create(times, new long[] {times.length}, 'c')) {
      INDArray output = checked.predict(xt, time, condition, 0, String.valueOf(t));
      INDArray mean =
          model.learnsVariance()
              ? output.get(NDArrayIndex.all(), NDArrayIndex.interval(0, xt.size(1)))
              : output;
      try (INDArray epsilon = model.prediction().epsilon(xt, mean, level)) {
        return Elements.times(-1 / level.noise(), epsilon);
      }
    }
  }

  /**
   * Steps of Langevin dynamics at one noise level: {@code x + h score + sqrt(2 h) z}. Samples of
   * any start come closer to the distribution of noisy samples at this level: the corrector of Song
   * et al. 2021, algorithm 5.
   *
   * @param xt samples to start from, FLOAT {@code [n, sampleShape...]}; left unchanged
   * @param t timestep of the noise level, in [0, T-1]
   * @param condition what they should show
   * @param steps number of steps, at least 1
   * @param size of a step, h, as a multiple of the variance of the level's noise, in (0, 1]; small
   *     steps are more exact
   * @param noise z of each step
   * @return a new array of the shape of {@code xt}, owned by the caller
   * @throws IllegalArgumentException if an argument does not fit
   */
  public INDArray langevin(
      INDArray xt, int t, Condition condition, int steps, double size, NoiseSource noise) {
    requireSamples(xt, condition);
    requireTimestep(t);
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + steps);
    }
    if (!(size > 0 && size <= 1)) {
      throw new IllegalArgumentException("step size must be in (0, 1] but was " + size);
    }
    double deviation = model.schedule().level(t).noise();
    double h = size * deviation * deviation;
    return Detached.get(
        () -> {
          NoiseSource.Batch draws = noise.start().batch(0, Math.toIntExact(xt.size(0)));
          INDArray x = xt.dup('c');
          try (CheckedDenoiser checked = new CheckedDenoiser(model)) {
            for (int k = 0; k < steps; k++) {
              INDArray before = x;
              try (INDArray score = score(checked, before, t, condition);
                  INDArray z = draws.next(xt.shape())) {
                x = Elements.add(Elements.combine(1, before, h, score), Math.sqrt(2 * h), z);
              } finally {
                if (x != before) {
                  before.close();
                }
              }
            }
            return x;
          }
        });
  }

  /**
   * The noise that samples become along the flow.
   *
   * @param x0 samples, FLOAT {@code [n, sampleShape...]}
   * @param condition what they show
   * @return a new array of the shape of {@code x0}, owned by the caller; of samples of the model's
   *     distribution it is standard normal
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit, or if the
   *     denoiser is not {@linkplain Denoiser#isDeterministic() deterministic}
   */
  public INDArray encode(INDArray x0, Condition condition) {
    return along(x0, condition, true);
  }

  /**
   * The samples that noise becomes along the flow; the inverse of {@link #encode}.
   *
   * @param noise x_T, FLOAT {@code [n, sampleShape...]}
   * @param condition what the samples should show
   * @return a new array of the shape of {@code noise}, owned by the caller
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit, or if the
   *     denoiser is not {@linkplain Denoiser#isDeterministic() deterministic}
   */
  public INDArray decode(INDArray noise, Condition condition) {
    return along(noise, condition, false);
  }

  private INDArray along(INDArray samples, Condition condition, boolean up) {
    requireSamples(samples, condition);
    requireDeterministic(model);
    return Detached.get(
        () -> {
          float[] result = new float[Math.toIntExact(samples.length())];
          for (Batch batch : batches(samples)) {
            double[][] state = state(batch, 0);
            Level end = top();
            double factor = up ? 1 : 1 / end.signal();
            scale(state, factor);
            try (FlowField field = field(batch, condition, new Probes.None())) {
              integrate(field, state, batch.size(), up);
            }
            scale(state, up ? end.signal() : 1);
            for (int i = 0; i < state.length; i++) {
              for (int k = 0; k < batch.size(); k++) {
                result[(batch.first() + i) * batch.size() + k] = (float) state[i][k];
              }
            }
          }
          return Nd4j.create(result, samples.shape(), 'c');
        });
  }

  /**
   * The logarithm of the density that the flow gives to samples: Song et al. 2021, equation 39,
   * with pure noise, which is standard normal, as the prior. Samplers begin at the highest level
   * with normal samples of mean 0; where the noise is not much greater than the data, as with a
   * sigma of 80, the mean of theirs is off by that of the data.
   *
   * @param x0 samples, FLOAT {@code [n, sampleShape...]}; images of 8 bits should have uniform
   *     noise of the width of a level added
   * @param condition what they show
   * @param divergence how the divergence is computed
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit, or if the
   *     denoiser is not {@linkplain Denoiser#isDeterministic() deterministic} and {@linkplain
   *     Denoiser#isDifferentiable() differentiable}
   */
  public Likelihood logLikelihood(INDArray x0, Condition condition, Divergence divergence) {
    requireSamples(x0, condition);
    Objects.requireNonNull(divergence, "divergence");
    requireDeterministic(model);
    if (!model.isDifferentiable()) {
      throw new IllegalArgumentException(
          "the denoiser must be differentiable for a likelihood but only predicts");
    }
    return Detached.get(() -> likelihood(x0, condition, divergence));
  }

  private Likelihood likelihood(INDArray x0, Condition condition, Divergence divergence) {
    int n = Math.toIntExact(x0.size(0));
    int size = Math.toIntExact(x0.length() / n);
    double[] nats = new double[n];
    double[] deviations = new double[n];
    double[] errors = new double[n];
    int calls = 0;
    double sigma = new SigmaCurve(model.schedule()).max();
    for (Batch batch : batches(x0)) {
      Probes probes = divergence.probes(batch.first(), batch.n(), size);
      double[][] state = state(batch, probes.columns());
      double[][] found;
      double[][] top = new double[batch.n()][size + probes.columns()];
      try (FlowField field = field(batch, condition, probes)) {
        found = integrate(field, state, size, true);
        double[] places = new double[batch.n()];
        Arrays.fill(places, Math.log(sigma));
        field.of(places, state, top);
        calls += field.calls();
      }
      for (int i = 0; i < batch.n(); i++) {
        double[] changes = new double[probes.columns()];
        for (int p = 0; p < changes.length; p++) {
          // The second part is the logarithm of the determinant from the top on, to first order.
          changes[p] = state[i][size + p] + (top[i][size + p] - size);
        }
        double mean = Arrays.stream(changes).average().orElseThrow();
        double squares = Arrays.stream(changes).map(v -> (v - mean) * (v - mean)).sum();
        int at = batch.first() + i;
        nats[at] = prior(top[i], size, sigma) + mean;
        deviations[at] =
            divergence.isExact() ? 0 : Math.sqrt(squares / (changes.length - 1.0) / changes.length);
        errors[at] = Arrays.stream(found[i], size, found[i].length).average().orElseThrow();
      }
    }
    return new Likelihood(nats, deviations, errors, size, calls);
  }

  /**
   * The logarithm of the standard normal density of the noise, per volume of y.
   *
   * @param top the derivative {@code sigma epsilon} of y at the highest level
   */
  private static double prior(double[] top, int size, double sigma) {
    double squares = 0;
    for (int k = 0; k < size; k++) {
      double epsilon = top[k] / sigma;
      squares += epsilon * epsilon;
    }
    return -0.5 * squares - size * (0.5 * LOG_TWO_PI + Math.log(sigma));
  }

  private Level top() {
    return Level.ofSigma(new SigmaCurve(model.schedule()).max());
  }

  private FlowField field(Batch batch, Condition condition, Probes probes) {
    Condition own = condition.slice(batch.first(), batch.first() + batch.n());
    return new FlowField(model, own, batch.first(), batch.shape(), probes);
  }

  /**
   * Moves the rows along the flow.
   *
   * @return the errors of their values
   */
  private double[][] integrate(FlowField field, double[][] state, int size, boolean up) {
    SigmaCurve curve = new SigmaCurve(model.schedule());
    double bottom = Math.log(LOWEST * curve.min());
    double top = Math.log(curve.max());
    return DormandPrince.integrate(
        field,
        (logSigma, error) -> size(logSigma, error, size),
        up ? bottom : top,
        up ? top : bottom,
        state);
  }

  /**
   * The error of a step by the tolerance: the root mean square over the values of y, which have the
   * size {@code sqrt(1 + sigma^2)}, or that of a divergence for each value.
   */
  private double size(double logSigma, double[] error, int size) {
    double scale = Math.hypot(1, Math.exp(logSigma));
    double squares = 0;
    for (int k = 0; k < size; k++) {
      squares += error[k] * error[k];
    }
    double most = Math.sqrt(squares / size) / scale;
    for (int k = size; k < error.length; k++) {
      most = Math.max(most, Math.abs(error[k]) / size);
    }
    return Double.isNaN(most) ? Double.POSITIVE_INFINITY : most / tolerance;
  }

  private static void scale(double[][] state, double factor) {
    for (double[] row : state) {
      for (int k = 0; k < row.length; k++) {
        row[k] *= factor;
      }
    }
  }

  /** Some of the samples. */
  private record Batch(int first, long[] shape, float[] values) {

    int n() {
      return Math.toIntExact(shape[0]);
    }

    int size() {
      return values.length / n();
    }
  }

  private List<Batch> batches(INDArray samples) {
    int count = Math.toIntExact(samples.size(0));
    int size = Math.toIntExact(samples.length() / count);
    float[] all;
    try (INDArray copy = samples.dup('c')) {
      all = copy.data().asFloat();
    }
    List<Batch> batches = new ArrayList<>();
    for (int first = 0; first < count; first += batchSize) {
      int end = Math.min(count, first + batchSize);
      long[] shape = samples.shape().clone();
      shape[0] = end - first;
      float[] values = Arrays.copyOfRange(all, first * size, end * size);
      batches.add(new Batch(first, shape, values));
    }
    return batches;
  }

  private static double[][] state(Batch batch, int columns) {
    double[][] state = new double[batch.n()][batch.size() + columns];
    for (int i = 0; i < batch.values().length; i++) {
      state[i / batch.size()][i % batch.size()] = batch.values()[i];
    }
    return state;
  }

  /**
   * Checks that a denoiser has a flow.
   *
   * @throws IllegalArgumentException if not
   */
  static void requireDeterministic(Denoiser model) {
    if (!model.isDeterministic()) {
      throw new IllegalArgumentException(
          "the denoiser must be deterministic for its probability flow but draws random numbers");
    }
  }

  private void requireTimestep(int t) {
    int steps = model.schedule().steps();
    if (t < 0 || t >= steps) {
      throw new IllegalArgumentException(
          "timestep must be in [0, " + (steps - 1) + "] but was " + t);
    }
  }

  private void requireSamples(INDArray samples, Condition condition) {
    long[] shape = model.sampleShape();
    if (samples.dataType() != DataType.FLOAT
        || samples.rank() != shape.length + 1
        || samples.size(0) < 1
        || !Arrays.equals(samples.shape(), 1, samples.rank(), shape, 0, shape.length)) {
      throw new IllegalArgumentException(
          "samples must be FLOAT [n, "
              + Arrays.toString(shape).substring(1)
              + " but were "
              + samples.dataType()
              + " "
              + Arrays.toString(samples.shape()));
    }
    int bad = Finite.firstBad(samples);
    if (bad >= 0) {
      throw new IllegalArgumentException("samples must be finite but sample " + bad + " was not");
    }
    Condition.Takes.of(model).require(condition, Math.toIntExact(samples.size(0)));
  }

  /**
   * How the divergence of the flow is computed: from gradients of the denoiser's outputs.
   *
   * @param probes number of random vectors, or 0 for the exact divergence
   * @param seed of the random vectors
   */
  public record Divergence(int probes, long seed) {

    /**
     * @throws IllegalArgumentException if the number of probes is negative
     */
    public Divergence {
      if (probes < 0) {
        throw new IllegalArgumentException("probes must be at least 0 but were " + probes);
      }
    }

    /** The exact one: as many denoiser calls, with gradients, as a sample has values. */
    public static Divergence exact() {
      return new Divergence(0, 0);
    }

    /**
     * Hutchinson's estimate, whose mean is exact: FFJORD (Grathwohl et al. 2019), equation 7.
     *
     * @param probes number of random vectors of each sample, and of denoiser calls with gradients;
     *     at least 1, and 2 for a standard error
     * @param seed any number
     */
    public static Divergence hutchinson(int probes, long seed) {
      if (probes < 1) {
        throw new IllegalArgumentException("probes must be at least 1 but were " + probes);
      }
      return new Divergence(probes, seed);
    }

    boolean isExact() {
      return probes == 0;
    }

    private Probes probes(int first, int n, int size) {
      return isExact() ? new Probes.Units(size) : Probes.Signs.of(seed, first, n, probes, size);
    }
  }

  /**
   * The logarithms of densities.
   *
   * @param nats of each sample, natural logarithms
   * @param standardErrors of Hutchinson's estimate of each, from the deviation between its probes;
   *     0 if exact, NaN for a single probe
   * @param solverErrors the sum of the errors that the solver estimated in its steps
   * @param dimensions number of values of a sample
   * @param denoiserCalls number of calls, for predictions with gradients
   */
  public record Likelihood(
      double[] nats,
      double[] standardErrors,
      double[] solverErrors,
      int dimensions,
      int denoiserCalls) {

    /** The mean of the negative logarithms to the base of 2, per value of a sample. */
    public double bitsPerDimension() {
      return -Arrays.stream(nats).average().orElse(Double.NaN) / dimensions / Math.log(2);
    }

    /**
     * The same for samples that were rounded to levels, before uniform noise of the width of a
     * level was added: an upper bound on the bits that are needed to store a value.
     *
     * @param levels per unit, such as 127.5 for 8-bit images scaled to [-1, 1]
     */
    public double bitsPerDimension(double levels) {
      return bitsPerDimension() + Math.log(levels) / Math.log(2);
    }

    /** Contains only the mean. */
    @Override
    public String toString() {
      return "Likelihood[" + nats.length + " samples, bitsPerDimension=" + bitsPerDimension() + "]";
    }
  }
}
