package org.diffusion4j;

/**
 * {@link NoiseSchedule#edm(int, double, double, double)}.
 *
 * @param timeScale the factor of log(sigma) in what denoisers are told
 * @param rho the steps are evenly spaced in {@code sigma^(1/rho)}
 */
record EdmProcess(
    int steps, double sigmaMin, double sigmaMax, double sigmaData, double timeScale, double rho)
    implements ContinuousProcess {

  /** c_noise: EDM, table 1. */
  static final double QUARTER = 0.25;

  /** The usual rho: EDM, table 1. */
  static final double SEVEN = 7;

  EdmProcess {
    ContinuousProcess.requireSteps(steps);
    ContinuousProcess.requireSigmas(sigmaMin, sigmaMax);
    if (!(sigmaData > 0 && sigmaData < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "sigma_data must be positive and finite but was " + sigmaData);
    }
    if (!(rho > 0 && rho < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("rho must be positive and finite but was " + rho);
    }
  }

  /** EDM, equation 5. */
  @Override
  public double sigmaOfStep(int t) {
    double low = Math.pow(sigmaMin, 1 / rho);
    double high = Math.pow(sigmaMax, 1 / rho);
    return Math.pow(low + t / (steps - 1.0) * (high - low), rho);
  }

  /** {@code c_in x}: EDM, table 1. */
  @Override
  public Level levelOfSigma(double sigma) {
    double in = 1 / Math.sqrt(sigma * sigma + sigmaData * sigmaData);
    return new Level(in, sigma * in);
  }

  @Override
  public double time(double sigma) {
    return timeScale * Math.log(sigma);
  }

  @Override
  public double sigmaOfTime(double time) {
    return Math.exp(time / timeScale);
  }
}
