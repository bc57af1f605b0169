package org.diffusion4j;

/** A noise process in continuous time, with a grid of T steps. */
interface ContinuousProcess extends NoiseSchedule {

  /**
   * Sigma at a step of the grid.
   *
   * @param t in [0, T-1]
   */
  double sigmaOfStep(int t);

  @Override
  default boolean isContinuous() {
    return true;
  }

  @Override
  default double sigma(int t) {
    requireStep(t, -1);
    return t < 0 ? 0 : sigmaOfStep(t);
  }

  @Override
  default Level level(int t) {
    return levelOfSigma(sigma(t));
  }

  @Override
  default double alphaBar(int t) {
    double sigma = sigma(t);
    return 1 / (1 + sigma * sigma);
  }

  @Override
  default double beta(int t) {
    requireStep(t, 0);
    return 1 - alphaBar(t) / alphaBar(t - 1);
  }

  @Override
  default double snr(int t) {
    double sigma = sigma(t);
    return 1 / (sigma * sigma);
  }

  private void requireStep(int t, int lowest) {
    if (t < lowest || t >= steps()) {
      throw new IllegalArgumentException(
          "timestep must be in [" + lowest + ", " + (steps() - 1) + "] but was " + t);
    }
  }

  static void requireSteps(int steps) {
    if (steps < 2) {
      throw new IllegalArgumentException(
          "steps of a process in continuous time must be at least 2 but was " + steps);
    }
  }

  static void requireSigmas(double sigmaMin, double sigmaMax) {
    if (!(sigmaMin > 0 && sigmaMin < sigmaMax && sigmaMax < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "sigmas must be positive, finite and in order but were " + sigmaMin + " and " + sigmaMax);
    }
  }
}
