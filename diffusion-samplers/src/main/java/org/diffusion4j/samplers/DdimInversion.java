package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * DDIM inversion (Song et al. 2021, section 4.3): converts samples, the request's start, to the
 * noise from which {@link DdimSampler} with eta 0 and the same timesteps reproduces them.
 *
 * <p>Of clean samples a model that predicts x_0 tells nothing about their noise: {@code (x_0 - x_0)
 * / 0}. For such a model take the samples as a little noisy, {@link #withInitialAlphaBar}, for
 * example with {@code schedule.alphaBar(0)}, and sample with the same {@link
 * DdimSampler#withFinalAlphaBar}.
 */
public final class DdimInversion extends LoopSampler<DdimInversion, DdimInversion.Options> {

  static final class Options extends LoopSampler.Options {

    private double initialAlphaBar = 1;
    private int iterations = 1;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private DdimInversion(Options options) {
    super(options, DdimInversion::new);
  }

  /**
   * With chosen steps.
   *
   * @param timesteps those of the sampler to invert
   */
  public DdimInversion(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /**
   * A copy with another alphaBar of the given samples.
   *
   * @param alphaBar in (0, 1]
   */
  public DdimInversion withInitialAlphaBar(double alphaBar) {
    Limits.alphaBar("initial alphaBar", alphaBar);
    return with(o -> o.initialAlphaBar = alphaBar);
  }

  /**
   * A copy that calls the denoiser several times for each step, each time with the last result, so
   * that the step becomes the exact inverse of {@link DdimSampler}'s (Pan et al. 2023, accelerated
   * iterative diffusion inversion, without its acceleration). Corrections then have no effect.
   *
   * @param count at least 1, the default; 3 suffice for steps that are not large
   */
  public DdimInversion withIterations(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("iterations must be at least 1 but were " + count);
    }
    return with(o -> o.iterations = count);
  }

  /**
   * A strip of samples from one picture to another: inverts both, interpolates {@linkplain
   * org.diffusion4j.NoiseSource#spherical spherically} between their noises, and samples with
   * {@link DdimSampler}, eta 0 and the same timesteps.
   *
   * @param model the denoiser
   * @param from FLOAT {@code [1, sampleShape...]}
   * @param to of the same shape
   * @param condition what all samples show: for one sample, or {@link Condition#none()}
   * @param count number of samples, at least 2
   * @return FLOAT {@code [count, sampleShape...]}, owned by the caller; the first sample is {@code
   *     from}, the last {@code to}
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit
   */
  public INDArray between(
      Denoiser model, INDArray from, INDArray to, Condition condition, int count) {
    if (count < 2) {
      throw new IllegalArgumentException("count must be at least 2 but was " + count);
    }
    SamplingRequest ofFrom = SamplingRequest.builder(1).start(from).condition(condition).build();
    SamplingRequest ofTo = SamplingRequest.builder(1).start(to).condition(condition).build();
    DdimSampler back =
        new DdimSampler(options.timesteps, 0).withFinalAlphaBar(options.initialAlphaBar);
    try (SamplingResult first = sample(model, ofFrom);
        SamplingResult last = sample(model, ofTo);
        INDArray noises = NoiseSource.spherical(first.samples(), last.samples(), count);
        Condition each = condition.repeat(count)) {
      SamplingRequest all = SamplingRequest.builder(count).start(noises).condition(each).build();
      INDArray strip = back.sample(model, all).samples();
      strip.get(NDArrayIndex.interval(0, 1)).assign(from);
      strip.get(NDArrayIndex.interval(count - 1, count)).assign(to);
      return strip;
    }
  }

  @Override
  void requireFits(Denoiser model) {
    if (model.prediction() == Prediction.SAMPLE && options.initialAlphaBar == 1) {
      throw new IllegalArgumentException(
          "initial alphaBar must be below 1 for a denoiser that predicts samples, such as "
              + model.schedule().alphaBar(0)
              + ", that of timestep 0, but was 1: clean samples have no noise that it could find");
    }
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    List<Transition> steps = options.timesteps.up(schedule, Level.of(options.initialAlphaBar));
    if (options.iterations == 1) {
      return steps;
    }
    List<Transition> stages = new ArrayList<>();
    for (Transition step : steps) {
      for (int i = 0; i < options.iterations; i++) {
        Level at = i == 0 ? step.from() : step.to();
        boolean last = step.last() && i + 1 == options.iterations;
        stages.add(new Transition(stages.size(), step.t(), at, step.from(), step.to(), last));
      }
    }
    return stages;
  }

  @Override
  boolean startsFromSamples() {
    return true;
  }

  @Override
  List<Transition> last(NoiseSchedule schedule, double strength) {
    throw new IllegalArgumentException(
        "strength must not be given to DDIM inversion, which adds no noise, but was " + strength);
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return options.iterations == 1 ? DdimInversion::step : new Iteration();
  }

  private static INDArray step(
      Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
    return Elements.combine(
        step.to().signal(), estimate.x0(), step.to().noise(), estimate.epsilon());
  }

  /**
   * Finds the x_t from which {@link DdimSampler} reaches x_s: {@code x_t = signal_t / signal_s x_s
   * + (noise_t - signal_t noise_s / signal_s) epsilon(x_t)}, with the noise of x_s at first.
   */
  private static final class Iteration implements Run {

    private @Nullable INDArray reached;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      INDArray from = reached;
      if (from == null || step.at() == step.from()) {
        Linear.close(from);
        from = x.dup('c');
        reached = from;
      }
      double ratio = step.to().signal() / step.from().signal();
      double ofNoise = step.to().noise() - ratio * step.from().noise();
      return Elements.combine(ratio, from, ofNoise, estimate.epsilon());
    }

    @Override
    public void close() {
      Linear.close(reached);
    }
  }
}
