package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.jspecify.annotations.Nullable;

/**
 * Fits the noise levels of a sampler so that it ends where trajectories end that start from the
 * same noise: the best of its own and several choices of {@link StepChoice}, and then its
 * neighbours.
 */
final class StepFit implements LeastSquares.Residual {

  private static final int ITERATIONS = 10;
  private static final double ENOUGH = 0.02;

  /** The difference of logarithms of sigma. */
  private static final double DIFFERENCE = 0.02;

  private final LoopSampler<?, ?> sampler;
  private final Denoiser model;
  private final SamplingRequest request;
  private final Trajectories goal;
  private final double lowest;

  private StepFit(
      LoopSampler<?, ?> sampler, Denoiser model, SamplingRequest request, Trajectories goal) {
    this.sampler = sampler;
    this.model = model;
    this.request = request;
    this.goal = goal;
    lowest = new SigmaCurve(model.schedule()).min();
  }

  /** The noise levels for a number of steps. */
  static double[] fit(
      LoopSampler<?, ?> sampler,
      Denoiser model,
      SamplingRequest request,
      Trajectories goal,
      int steps) {
    StepFit fit = new StepFit(sampler, model, request, goal);
    List<double[]> starts = new ArrayList<>(StepChoice.of(goal).several(steps));
    double[] own =
        sampler.transitions(model.schedule()).stream()
            .mapToDouble(step -> step.from().sigma())
            .distinct()
            .toArray();
    if (own.length == steps) {
      starts.add(own);
    }
    double[] start = LeastSquares.best(fit, starts.stream().map(fit::parameters).toList());
    return fit.sigmas(LeastSquares.minimize(fit, start, ITERATIONS, ENOUGH));
  }

  /** The logarithms of the levels but the first, which is that of the noise. */
  private double[] parameters(double[] sigmas) {
    double[] parameters = new double[sigmas.length - 1];
    for (int k = 0; k < parameters.length; k++) {
      parameters[k] = Math.log(sigmas[k + 1]);
    }
    return parameters;
  }

  private double[] sigmas(double[] parameters) {
    double[] sigmas = new double[parameters.length + 1];
    sigmas[0] = goal.levels()[0].sigma();
    for (int k = 1; k < sigmas.length; k++) {
      sigmas[k] = Math.exp(parameters[k - 1]);
    }
    return sigmas;
  }

  @Override
  public float @Nullable [] of(double[] parameters) {
    double[] sigmas = sigmas(parameters);
    for (int k = 1; k < sigmas.length; k++) {
      if (!(sigmas[k] < sigmas[k - 1] && sigmas[k] >= lowest)) {
        return null;
      }
    }
    LoopSampler<?, ?> moved = sampler.with(Timesteps.sigmas(sigmas), FittedTo.of(model));
    SamplingRequest each =
        SamplingRequest.builder(request.count())
            .noise(request.noise())
            .firstSample(request.firstSample())
            .condition(request.condition())
            .batchSize(request.batchSize())
            .cancelToken(request.cancelToken())
            .build();
    try (SamplingResult result = moved.sample(model, each)) {
      float[] values = Trajectories.values(result.samples());
      for (int k = 0; k < values.length; k++) {
        values[k] -= goal.samples()[k];
      }
      return values;
    }
  }

  @Override
  public float[][] derivatives(double[] parameters, float[] values) {
    float[][] derivatives = new float[parameters.length][];
    for (int i = 0; i < parameters.length; i++) {
      double[] moved = parameters.clone();
      moved[i] += DIFFERENCE;
      double by = DIFFERENCE;
      float[] other = of(moved);
      if (other == null) {
        moved[i] -= 2 * DIFFERENCE;
        by = -DIFFERENCE;
        other = of(moved);
      }
      derivatives[i] = new float[values.length];
      for (int k = 0; other != null && k < values.length; k++) {
        derivatives[i][k] = (float) ((other[k] - values[k]) / by);
      }
    }
    return derivatives;
  }
}
