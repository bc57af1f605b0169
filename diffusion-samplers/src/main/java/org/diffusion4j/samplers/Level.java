package org.diffusion4j.samplers;

/**
 * How much of a sample is signal and how much is noise: {@code x = signal x_0 + noise epsilon},
 * with {@code signal^2 + noise^2 = 1}. DPM-Solver calls them alpha_t and sigma_t.
 *
 * @param signal {@code sqrt(alphaBar)}
 * @param noise {@code sqrt(1 - alphaBar)}
 */
record Level(double signal, double noise) {

  /** No noise. */
  static final Level CLEAN = new Level(1, 0);

  /** The level of a share of signal, in [0, 1]. */
  static Level of(double alphaBar) {
    return new Level(Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
  }

  /** The level at which the noise is {@code sigma} times the signal. */
  static Level ofSigma(double sigma) {
    double signal = 1 / Math.sqrt(1 + sigma * sigma);
    return new Level(signal, sigma * signal);
  }

  double alphaBar() {
    return signal * signal;
  }

  /** The noise level of k-diffusion and EDM. */
  double sigma() {
    return noise / signal;
  }

  /** Half the logarithm of the signal-to-noise ratio, lambda of DPM-Solver. */
  double lambda() {
    return Math.log(signal / noise);
  }
}
