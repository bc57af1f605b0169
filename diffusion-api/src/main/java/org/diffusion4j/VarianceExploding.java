package org.diffusion4j;

/** {@link NoiseSchedule#varianceExploding}. */
record VarianceExploding(int steps, double sigmaMin, double sigmaMax) implements ContinuousProcess {

  VarianceExploding {
    ContinuousProcess.requireSteps(steps);
    ContinuousProcess.requireSigmas(sigmaMin, sigmaMax);
  }

  /** Song et al. 2021, appendix C. */
  @Override
  public double sigmaOfStep(int t) {
    return sigmaMin * Math.pow(sigmaMax / sigmaMin, t / (steps - 1.0));
  }

  @Override
  public Level levelOfSigma(double sigma) {
    return new Level(1, sigma);
  }

  @Override
  public double time(double sigma) {
    return sigma;
  }

  @Override
  public double sigmaOfTime(double time) {
    return time;
  }
}
