package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.List;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Solutions of the probability flow from noise to samples, in many steps, that few steps are fitted
 * to. Values are those of {@code y = x / signal}, of all samples in turn.
 *
 * @param levels of the nodes, in descending order; the last is clean
 * @param y at each node
 * @param x0 the clean samples that the denoiser predicts at each node but the last
 */
record Trajectories(Level[] levels, float[][] y, float[][] x0) {

  /** The most steps of a solution. */
  private static final int STEPS = 64;

  /**
   * Solves the flow with DPM-Solver++ of order 3.
   *
   * @param request the number of samples, their noise and their condition
   */
  static Trajectories of(Denoiser model, SamplingRequest request, X0Correction correction) {
    int steps = Math.min(STEPS, model.schedule().steps());
    LoopSampler<?, ?> solver =
        new DpmSolverSampler(Timesteps.of(steps, Spacing.TRAILING))
            .withOrder(3)
            .withCorrection(correction)
            .fitted(model);
    List<Transition> transitions = solver.transitions(model.schedule());
    int nodes = transitions.size();
    Level[] levels = new Level[nodes + 1];
    float[][] y = new float[nodes + 1][];
    float[][] x0 = new float[nodes][];
    y[0] = noise(model, request);
    try (SamplingResult result = solver.sample(model, all(request))) {
      for (int i = 0; i < nodes; i++) {
        levels[i] = transitions.get(i).from();
        SamplingResult.Snapshot step = result.trajectory().get(i);
        x0[i] = values(step.x0());
        y[i + 1] = values(step.x());
      }
    }
    levels[nodes] = transitions.get(nodes - 1).to();
    for (int i = 0; i <= nodes; i++) {
      float factor = (float) (1 / levels[i].signal());
      for (int k = 0; k < y[i].length; k++) {
        y[i][k] *= factor;
      }
    }
    return new Trajectories(levels, y, x0);
  }

  /** The same request with every step. */
  private static SamplingRequest all(SamplingRequest request) {
    return SamplingRequest.builder(request.count())
        .noise(request.noise())
        .firstSample(request.firstSample())
        .condition(request.condition())
        .batchSize(request.batchSize())
        .cancelToken(request.cancelToken())
        .trajectory(1)
        .build();
  }

  /** The noise that a sampler starts from. */
  static float[] noise(Denoiser model, SamplingRequest request) {
    NoiseSource.Run run = request.noise().start();
    float[][] parts = new float[request.count()][];
    int count = 0;
    for (int first = 0; first < request.count(); first += request.batchSize()) {
      int n = Math.min(request.batchSize(), request.count() - first);
      try (INDArray drawn = run.batch(request.firstSample() + first, n).next(shape(model, n))) {
        parts[count++] = values(drawn);
      }
    }
    float[] all = new float[Arrays.stream(parts, 0, count).mapToInt(part -> part.length).sum()];
    int at = 0;
    for (int i = 0; i < count; i++) {
      System.arraycopy(parts[i], 0, all, at, parts[i].length);
      at += parts[i].length;
    }
    return all;
  }

  static long[] shape(Denoiser model, int n) {
    long[] sample = model.sampleShape();
    long[] shape = new long[sample.length + 1];
    shape[0] = n;
    System.arraycopy(sample, 0, shape, 1, sample.length);
    return shape;
  }

  static float[] values(INDArray array) {
    try (INDArray plain = array.dup('c')) {
      return plain.data().asFloat();
    }
  }

  /** The number of nodes with a prediction. */
  int nodes() {
    return x0.length;
  }

  /** The samples. */
  float[] samples() {
    return y[y.length - 1];
  }

  /** y at a level, between the nodes interpolated evenly in sigma. */
  float[] at(double sigma) {
    int i = 0;
    while (i < nodes() - 1 && levels[i + 1].sigma() > sigma) {
      i++;
    }
    double share =
        Math.max(0, (levels[i].sigma() - sigma) / (levels[i].sigma() - levels[i + 1].sigma()));
    float[] values = new float[y[i].length];
    for (int k = 0; k < values.length; k++) {
      values[k] = (float) ((1 - share) * y[i][k] + share * y[i + 1][k]);
    }
    return values;
  }

  /** The root mean square of the difference of two arrays. */
  static double distance(float[] a, float[] b) {
    double squares = 0;
    for (int k = 0; k < a.length; k++) {
      double difference = a[k] - b[k];
      squares += difference * difference;
    }
    return Math.sqrt(squares / a.length);
  }
}
