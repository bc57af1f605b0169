package org.diffusion4j;

/** {@link NoiseSchedule#flow}. */
record FlowProcess(int steps) implements ContinuousProcess {

  FlowProcess {
    ContinuousProcess.requireSteps(steps);
  }

  @Override
  public double sigmaOfStep(int t) {
    return sigmaOfTime(t + 1);
  }

  @Override
  public Level levelOfSigma(double sigma) {
    double s = noise(sigma);
    return new Level(1 - s, s);
  }

  /** The share s of noise. */
  private static double noise(double sigma) {
    return sigma == Double.POSITIVE_INFINITY ? 1 : sigma / (1 + sigma);
  }

  @Override
  public double time(double sigma) {
    return steps * noise(sigma);
  }

  @Override
  public double sigmaOfTime(double time) {
    return time / (steps - time);
  }
}
