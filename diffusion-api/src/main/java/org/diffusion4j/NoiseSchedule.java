package org.diffusion4j;

/**
 * A noise process {@code x_t = signal x_0 + noise epsilon} in {@code T} steps: how much noise each
 * adds, how samples are scaled, and what a denoiser is told about the noise.
 *
 * <p>All processes with the same {@linkplain #sigma noise levels} are one up to the scale of x_t.
 * Therefore beta, alpha and alphaBar are those of the process in the scale that preserves variance,
 * whatever its own scale, and {@link #level} has the own scale. Schedules of betas are in discrete
 * time and preserve variance. Those of {@link #varianceExploding}, {@link #edm}, {@link #flow} and
 * {@link #trigonometric} are in continuous time; their steps are only a grid.
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
   * @param t in [-1, T-1]; infinity where no signal remains
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
   * The noise level at step {@code t}, in the scale of the process.
   *
   * @param t in [-1, T-1]
   */
  default Level level(int t) {
    return Level.of(alphaBar(t));
  }

  /**
   * The noise level of the process at which {@code noise / signal} is sigma. By default it
   * preserves variance.
   *
   * @param sigma at least 0; infinity is noise alone
   */
  default Level levelOfSigma(double sigma) {
    return Level.ofSigma(sigma);
  }

  /** Whether denoisers are told any time, not only about the timesteps 0 to T-1. */
  default boolean isContinuous() {
    return false;
  }

  /**
   * What a denoiser is told about a noise level, the t of {@link Denoiser#predict}. In discrete
   * time the timestep in [0, T-1], with the logarithm of sigma interpolated linearly between
   * timesteps.
   *
   * @param sigma positive
   */
  default double time(double sigma) {
    return DiscreteTime.of(this, sigma);
  }

  /**
   * The noise level of which a denoiser is told a time: the inverse of {@link #time}.
   *
   * @param time in the range of {@link #time}
   */
  default double sigmaOfTime(double time) {
    return DiscreteTime.sigma(this, time);
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
   * The process that explodes variance, {@code x_t = x_0 + sigma epsilon}, with {@code sigma(t)} in
   * geometric progression: SMLD, Song et al. 2021, section 3.4 and appendix C. Denoisers are told
   * sigma.
   *
   * @param steps T, at least 2
   * @param sigmaMin sigma of step 0, positive
   * @param sigmaMax sigma of step T-1, greater; about the greatest distance between two data
   */
  static NoiseSchedule varianceExploding(int steps, double sigmaMin, double sigmaMax) {
    return new VarianceExploding(steps, sigmaMin, sigmaMax);
  }

  /** {@link #edm(int, double, double, double)} with sigma from 0.002 to 80 and sigma_data 0.5. */
  static NoiseSchedule edm(int steps) {
    return edm(steps, 0.002, 80, 0.5);
  }

  /**
   * The process of EDM (Karras et al. 2022) in the scale of its networks' inputs: {@code x_t = c_in
   * (x_0 + sigma epsilon)} with {@code c_in = 1 / sqrt(sigma^2 + sigma_data^2)}, so that x_t has
   * variance 1 at every level if the data have deviation sigma_data. The noise levels are those of
   * equation 5 with rho 7. Denoisers are told {@code c_noise = log(sigma) / 4}; with {@link
   * Prediction#EDM} they return the F of equation 7, from which c_skip and c_out give x_0.
   *
   * @param steps T, at least 2
   * @param sigmaMin sigma of step 0, positive
   * @param sigmaMax sigma of step T-1, greater
   * @param sigmaData deviation of the data, positive
   */
  static NoiseSchedule edm(int steps, double sigmaMin, double sigmaMax, double sigmaData) {
    return new EdmProcess(
        steps, sigmaMin, sigmaMax, sigmaData, EdmProcess.QUARTER, EdmProcess.SEVEN);
  }

  /**
   * The straight paths of flow matching and rectified flow, {@code x_s = (1 - s) x_0 + s epsilon}
   * with {@code s = (t + 1) / T}: Lipman et al. 2023, section 4; Liu et al. 2023. Denoisers are
   * told {@code T s}, in (0, T]. With {@link Prediction#FLOW} they return the velocity of x_s.
   *
   * @param steps T, at least 2
   */
  static NoiseSchedule flow(int steps) {
    return new FlowProcess(steps);
  }

  /**
   * The process {@code x_s = cos(s pi / 2) x_0 + sin(s pi / 2) epsilon} with {@code s = (t + 1) /
   * T} in continuous time: Salimans and Ho 2022, section 4. Denoisers are told s, in (0, 1].
   *
   * @param steps T, at least 2
   */
  static NoiseSchedule trigonometric(int steps) {
    return new TrigonometricProcess(steps);
  }

  /**
   * A noise level: {@code x = signal x_0 + noise epsilon}. DPM-Solver calls the factors alpha_t and
   * sigma_t. In the scale that preserves variance, {@code signal^2 + noise^2 = 1}.
   *
   * @param signal at least 0; {@code sqrt(alphaBar)} in the scale that preserves variance
   * @param noise at least 0; {@code sqrt(1 - alphaBar)} in that scale
   */
  record Level(double signal, double noise) {

    /** No noise. */
    public static final Level CLEAN = new Level(1, 0);

    /** Noise alone, in the scale that preserves variance. */
    static final Level PURE = new Level(0, 1);

    /**
     * The alphaBar that stands for 0 where sigma must be finite: the smallest number of half
     * precision.
     */
    static final double LEAST_ALPHA_BAR = 0x1p-24;

    private static final double ROUNDING = 1e-12;

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
     * @param sigma at least 0; infinity is noise alone
     */
    public static Level ofSigma(double sigma) {
      if (sigma == Double.POSITIVE_INFINITY) {
        return PURE;
      }
      double signal = 1 / Math.sqrt(1 + sigma * sigma);
      return new Level(signal, sigma * signal);
    }

    /** The fraction of signal in the variance, {@code signal^2 / (signal^2 + noise^2)}. */
    public double alphaBar() {
      return signal * signal / (signal * signal + noise * noise);
    }

    /**
     * The deviation {@code sqrt(signal^2 + noise^2)} of samples of data of variance 1: exactly 1 if
     * the scale preserves variance.
     */
    public double scale() {
      double squares = signal * signal + noise * noise;
      return Math.abs(squares - 1) < ROUNDING ? 1 : Math.sqrt(squares);
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
