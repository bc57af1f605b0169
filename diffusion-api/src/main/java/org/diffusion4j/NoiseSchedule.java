package org.diffusion4j;

/**
 * How much noise each of the {@code T} steps of the forward process adds.
 *
 * <p>Schedules are immutable and compute in double precision. Every method throws {@link
 * IllegalArgumentException} for a timestep outside its range.
 */
public interface NoiseSchedule {

  /** The number {@code T} of noising steps, at least 1. */
  int steps();

  /**
   * The variance of the noise that step {@code t} adds, in (0, 1]; 1 only at the end of a schedule
   * of {@linkplain #withZeroTerminalSnr() zero terminal SNR}.
   *
   * @param t in [0, T-1]
   */
  double beta(int t);

  /**
   * The fraction of the clean sample's variance that remains after step {@code t}: the product of
   * {@code 1 - beta(s)} for {@code s <= t}.
   *
   * @param t in [-1, T-1], where -1 is the clean sample and gives 1
   */
  double alphaBar(int t);

  /**
   * {@code 1 - beta(t)}.
   *
   * @param t in [0, T-1]
   */
  default double alpha(int t) {
    return 1 - beta(t);
  }

  /**
   * The noise level {@code sqrt((1 - alphaBar) / alphaBar)} of k-diffusion and EDM.
   *
   * @param t in [-1, T-1]
   */
  default double sigma(int t) {
    return Math.sqrt((1 - alphaBar(t)) / alphaBar(t));
  }

  /**
   * The signal-to-noise ratio {@code alphaBar / (1 - alphaBar)}.
   *
   * @param t in [-1, T-1]
   */
  default double snr(int t) {
    return alphaBar(t) / (1 - alphaBar(t));
  }

  /**
   * The natural logarithm of {@link #snr}.
   *
   * @param t in [-1, T-1]
   */
  default double logSnr(int t) {
    return Math.log(snr(t));
  }

  /**
   * The variance of q(x_{t-1} | x_t, x_0), which is {@code beta(t) (1 - alphaBar(t-1)) / (1 -
   * alphaBar(t))}: DDPM (Ho et al. 2020), equation 7.
   *
   * @param t in [0, T-1]; 0 gives 0
   */
  default double posteriorVariance(int t) {
    return beta(t) * (1 - alphaBar(t - 1)) / (1 - alphaBar(t));
  }

  /**
   * This schedule, shifted and scaled so that no signal remains at the last step: Lin et al. 2024,
   * algorithm 1. With {@link Prediction#EPSILON} sampling cannot start at its last step.
   */
  default NoiseSchedule withZeroTerminalSnr() {
    return ArraySchedule.zeroTerminalSnr(this);
  }

  /**
   * Linear betas from 1e-4 to 0.02 for 1000 steps (DDPM, section 4). For other numbers of steps
   * they are scaled by {@code 1000 / steps}, so that the last alphaBar is similar: within a factor
   * of 2 with 100 steps or more, of 6 with 50 or more, and lower with fewer.
   *
   * @param steps at least 21; with fewer the last beta would be 1 or more
   */
  static NoiseSchedule linear(int steps) {
    ArraySchedule.requireSteps(steps);
    double scale = 1000.0 / steps;
    if (0.02 * scale >= 1) {
      throw new IllegalArgumentException(
          "steps of the scaled linear schedule must be at least 21 but was "
              + steps
              + "; use cosine(steps) or give the betas");
    }
    return linear(steps, 1e-4 * scale, 0.02 * scale);
  }

  /**
   * Linear betas.
   *
   * @param steps at least 1; one step has beta {@code first}
   * @param first beta of step 0, in (0, 1)
   * @param last beta of step {@code steps - 1}, in (0, 1)
   */
  static NoiseSchedule linear(int steps, double first, double last) {
    ArraySchedule.requireEnds(first, last);
    return ArraySchedule.ofBetas(ArraySchedule.line(steps, first, last));
  }

  /**
   * Betas whose square roots are linear, as in latent diffusion (Rombach et al. 2022).
   *
   * @param steps at least 1
   * @param first beta of step 0, in (0, 1)
   * @param last beta of step {@code steps - 1}, in (0, 1)
   */
  static NoiseSchedule scaledLinear(int steps, double first, double last) {
    ArraySchedule.requireEnds(first, last);
    double[] betas = ArraySchedule.line(steps, Math.sqrt(first), Math.sqrt(last));
    for (int t = 0; t < steps; t++) {
      betas[t] *= betas[t];
    }
    return ArraySchedule.ofBetas(betas);
  }

  /**
   * The cosine schedule: Improved DDPM (Nichol and Dhariwal 2021), equation 17, with offset 0.008
   * and betas of at most 0.999.
   *
   * @param steps at least 1
   */
  static NoiseSchedule cosine(int steps) {
    return ArraySchedule.ofBetas(
        ArraySchedule.fromAlphaBarFunction(
            steps,
            u -> {
              double c = Math.cos((u + 0.008) / 1.008 * Math.PI / 2);
              return c * c;
            }));
  }

  /**
   * Betas on a sigmoid over [-6, 6], between the ends of {@link #linear(int, double, double)}.
   *
   * @param steps at least 1
   * @param first lower limit of beta, in (0, 1)
   * @param last upper limit of beta, in (0, 1)
   */
  static NoiseSchedule sigmoid(int steps, double first, double last) {
    ArraySchedule.requireEnds(first, last);
    double[] betas = ArraySchedule.line(steps, -6, 6);
    for (int t = 0; t < steps; t++) {
      betas[t] = first + (last - first) / (1 + Math.exp(-betas[t]));
    }
    return ArraySchedule.ofBetas(betas);
  }

  /**
   * {@link #sigmoid(int, double, double)} between 1e-4 and 0.02.
   *
   * @param steps at least 1
   */
  static NoiseSchedule sigmoid(int steps) {
    return sigmoid(steps, 1e-4, 0.02);
  }

  /**
   * The schedule with these betas.
   *
   * @param betas at least one, each in (0, 1), such that alphaBar decreases at every step and stays
   *     above 0 in double precision
   */
  static NoiseSchedule ofBetas(double... betas) {
    return ArraySchedule.ofBetas(betas.clone());
  }

  /**
   * The schedule with these values of {@link #alphaBar}.
   *
   * @param alphaBars at least one, strictly decreasing, each in (0, 1); the last may be 0
   */
  static NoiseSchedule ofAlphaBars(double... alphaBars) {
    return ArraySchedule.ofAlphaBars(alphaBars.clone());
  }

  /**
   * A noise level: {@code x = signal x_0 + noise epsilon}, with {@code signal^2 + noise^2 = 1}.
   * DPM-Solver calls the factors alpha_t and sigma_t.
   *
   * @param signal {@code sqrt(alphaBar)}, in [0, 1]
   * @param noise {@code sqrt(1 - alphaBar)}, in [0, 1]
   */
  record Level(double signal, double noise) {

    /** No noise. */
    public static final Level CLEAN = new Level(1, 0);

    /**
     * The level with a value of {@link NoiseSchedule#alphaBar}.
     *
     * @param alphaBar in [0, 1]
     */
    public static Level of(double alphaBar) {
      return new Level(Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
    }

    /**
     * The level at which {@code noise / signal} is sigma.
     *
     * @param sigma at least 0
     */
    public static Level ofSigma(double sigma) {
      double signal = 1 / Math.sqrt(1 + sigma * sigma);
      return new Level(signal, sigma * signal);
    }

    /** The fraction of signal in the variance, {@code signal^2}. */
    public double alphaBar() {
      return signal * signal;
    }

    /** The noise level of k-diffusion and EDM, {@code noise / signal}. */
    public double sigma() {
      return noise / signal;
    }

    /** Half of the logarithm of the signal-to-noise ratio; lambda in DPM-Solver. */
    public double lambda() {
      return Math.log(signal / noise);
    }
  }
}
