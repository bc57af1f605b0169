package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Solvers on the straight paths of flow matching, by configuration. */
class FlowSigmasTest {

  private static SchedulerConfig config(String solver, Object... keysAndValues) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("use_flow_sigmas", true);
    settings.put("prediction_type", "flow_prediction");
    for (int i = 0; i < keysAndValues.length; i += 2) {
      settings.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return new SchedulerConfig(solver, settings);
  }

  private static List<Transition> steps(SchedulerConfig config, int steps) {
    return ((LoopSampler<?, ?>) Samplers.of(config, steps)).transitions(config.schedule());
  }

  private static double share(Level level) {
    return level.noise() / (level.signal() + level.noise());
  }

  private static double[] times(SchedulerConfig config, int steps) {
    return steps(config, steps).stream().mapToDouble(Transition::t).toArray();
  }

  /** Where the steps begin, and where the last ends. */
  private static double[] shares(SchedulerConfig config, int count) {
    List<Transition> steps = steps(config, count);
    double[] shares = new double[count + 1];
    for (int i = 0; i < count; i++) {
      shares[i] = share(steps.get(i).from());
    }
    shares[count] = share(steps.get(count - 1).to());
    return shares;
  }

  @Test
  void process_isThatOfFlowMatching() {
    SchedulerConfig config = config("UniPCMultistepScheduler", "num_train_timesteps", 500L);
    assertThat(config.schedule()).isEqualTo(NoiseSchedule.flow(500));
    assertThat(config.prediction()).isEqualTo(Prediction.FLOW);
    assertThat(config.with("use_flow_sigmas", false).schedule().isContinuous()).isFalse();
  }

  /** Those that are known of a video model with 27 steps. */
  @Test
  void timesteps_areShiftedAndLoseTheirFraction() {
    SchedulerConfig config = config("DPMSolverMultistepScheduler", "flow_shift", 12.0);
    assertThat(Arrays.copyOf(times(config, 27), 8))
        .containsExactly(999, 996, 993, 989, 985, 981, 976, 971);
    // Multiples of 111, but for the rounding of double precision, which is that of the reference.
    assertThat(times(config("SASolverScheduler"), 9))
        .containsExactly(999, 888, 777, 666, 555, 443, 332, 221, 110);
  }

  @ParameterizedTest
  @CsvSource({
    "DPMSolverMultistepScheduler, zero, 0",
    "DPMSolverSinglestepScheduler, zero, 0",
    "DPMSolverMultistepScheduler, sigma_min, 0.010000500037503",
    "DEISMultistepScheduler, zero, 0.24975",
    "SASolverScheduler, zero, 0.24975"
  })
  void shares_ofTheOlderSolversBeginBelowOne(String solver, String finalSigma, double end) {
    assertThat(shares(config(solver, "final_sigmas_type", finalSigma), 4))
        .containsExactly(new double[] {0.999, 0.74925, 0.4995, 0.24975, end}, within(1e-7));
  }

  @Test
  void shares_ofUniPcBeginAtOneButForAnEpsilon() {
    SchedulerConfig config = config("UniPCMultistepScheduler");
    double[] expected = {1 - 1e-6, 0.75025, 0.5005, 0.25075, 0};
    assertThat(shares(config, 4)).containsExactly(expected, within(1e-7));
    expected[4] = 0.25075;
    assertThat(shares(config.with("final_sigmas_type", "sigma_min"), 4))
        .containsExactly(expected, within(1e-7));
    assertThat(shares(config.with("shift_terminal", 0.1), 4)[3]).isCloseTo(0.1, within(1e-7));
  }

  @Test
  void dynamicShift_isThatOfMu() {
    SchedulerConfig three = config("UniPCMultistepScheduler", "flow_shift", 3.0);
    SchedulerConfig dynamic = config("UniPCMultistepScheduler", "use_dynamic_shifting", true);
    assertThat(shares(dynamic.with("mu", Math.log(3)), 6))
        .containsExactly(shares(three, 6), within(1e-7));
    assertThat(shares(dynamic.with("mu", 3.0).with("time_shift_type", "linear"), 6))
        .containsExactly(shares(three, 6), within(1e-7));
    assertThat(
            shares(
                config("DEISMultistepScheduler", "use_dynamic_shifting", true, "flow_shift", 3.0),
                6))
        .containsExactly(shares(config("DEISMultistepScheduler", "flow_shift", 3.0), 6));
  }

  /** DPM-Solver++(2M), Lu et al. 2023, algorithm 2, with alpha = 1 - s and sigma = s. */
  @Test
  void dpmSolver_isThatOfThePaperOnStraightPaths() {
    int n = 8;
    SchedulerConfig config = config("DPMSolverMultistepScheduler", "flow_shift", 3.0);
    double[] s = shares(config, n);
    double[] t = times(config, n);
    double x = 0.7;
    double before = 0;
    for (int i = 0; i < n; i++) {
      double x0 = x - s[i] * velocity(x, t[i]);
      if (i == n - 1) {
        x = x0;
        break;
      }
      double h = lambda(s[i + 1]) - lambda(s[i]);
      double r = i == 0 ? 0 : (lambda(s[i]) - lambda(s[i - 1])) / h;
      double d = i == 0 ? x0 : (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * before;
      x = s[i + 1] / s[i] * x - (1 - s[i + 1]) * Math.expm1(-h) * d;
      before = x0;
    }
    assertThat(sample(config, n, 0.7)).isCloseTo(x, within(1e-5));
  }

  /** UniPC, Zhao et al. 2023, algorithms 1 and 2, of order 2 with B(h) = e^h - 1. */
  @Test
  void uniPc_isThatOfThePaperOnStraightPaths() {
    int n = 8;
    SchedulerConfig config = config("UniPCMultistepScheduler", "flow_shift", 3.0);
    double[] s = shares(config, n);
    double[] t = times(config, n);
    double[] x0 = new double[n];
    double x = 0.7;
    double before = x;
    for (int i = 0; i < n; i++) {
      x0[i] = x - s[i] * velocity(x, t[i]);
      if (i > 0) {
        x = uniC(s, x0, i, before);
      }
      before = x;
      x = uniP(s, x0, i, x, i == n - 1 ? 1 : 2);
    }
    assertThat(sample(config, n, 0.7)).isCloseTo(x, within(1e-5));
  }

  private static double uniP(double[] s, double[] x0, int i, double x, int order) {
    double phi = i == s.length - 2 ? -1 : Math.expm1(lambda(s[i]) - lambda(s[i + 1]));
    double next = s[i + 1] / s[i] * x - (1 - s[i + 1]) * phi * x0[i];
    return i == 0 || order == 1
        ? next
        : next - (1 - s[i + 1]) * phi * 0.5 * (x0[i - 1] - x0[i]) / ratio(s, i + 1);
  }

  /** The sample at level i, from that at level i - 1 and the predictions up to i. */
  private static double uniC(double[] s, double[] x0, int i, double x) {
    double h = lambda(s[i - 1]) - lambda(s[i]);
    double phi = Math.expm1(h);
    double plain = s[i] / s[i - 1] * x - (1 - s[i]) * phi * x0[i - 1];
    double change = x0[i] - x0[i - 1];
    if (i == 1) {
      return plain - (1 - s[i]) * phi * 0.5 * change;
    }
    double first = (phi / h - 1) / phi;
    double second = 2 * ((phi / h - 1) / h - 0.5) / phi;
    double r = ratio(s, i);
    double old = (first - second) / (1 - r);
    return plain - (1 - s[i]) * phi * (old * (x0[i - 2] - x0[i - 1]) / r + (first - old) * change);
  }

  /** The step before the one to level i over that step, in lambda and negative. */
  private static double ratio(double[] s, int i) {
    return (lambda(s[i - 2]) - lambda(s[i - 1])) / (lambda(s[i]) - lambda(s[i - 1]));
  }

  /** What a sampler makes of a number, in the scale of straight paths. */
  private static double sample(SchedulerConfig config, int n, double from) {
    Denoiser model =
        FunctionDenoiser.of(
            config.schedule(),
            Prediction.FLOW,
            (xt, time, condition) ->
                Values.column((float) velocity(xt.getDouble(0), time.getDouble(0))),
            1);
    Level first = steps(config, n).get(0).from();
    try (INDArray start = Values.column((float) (from * (first.signal() + first.noise())))) {
      return SamplerMechanics.samples(
          Samplers.of(config, n), model, SamplingRequest.builder(1).start(start).build())[0];
    }
  }

  private static double velocity(double x, double t) {
    return 0.8 * x - 0.3 * t / (t + 100);
  }

  private static double lambda(double s) {
    return Math.log((1 - s) / s);
  }

  /** The flow of a Gaussian is known; levels are fine, so that whole timesteps change little. */
  @ParameterizedTest
  @CsvSource({
    "DPMSolverMultistepScheduler, 1e-2",
    "DPMSolverSinglestepScheduler, 3e-2", // its first group is long in lambda
    "UniPCMultistepScheduler, 1e-2",
    "DEISMultistepScheduler, 1e-2"
  })
  void solver_endsWhereTheFlowDoes(String solver, double tolerance) {
    SchedulerConfig config =
        config(
            solver, "flow_shift", 3.0, "num_train_timesteps", 100_000L, "lower_order_final", true);
    Level start = steps(config, 40).get(0).from();
    Level end = steps(config, 40).get(39).to();
    DoubleUnaryOperator deviation = sigma -> Math.hypot(0.5, sigma);
    double factor = deviation.applyAsDouble(end.sigma()) / deviation.applyAsDouble(start.sigma());
    MixtureDenoiser model =
        new MixtureDenoiser(
            config.schedule(),
            Prediction.FLOW,
            new double[][] {{0.3}},
            new double[] {0.5},
            new double[] {1});
    float[] noise = {-1.2f, 0.1f, 0.9f};
    try (INDArray x = Values.column(noise)) {
      float[] found =
          SamplerMechanics.samples(
              Samplers.of(config, 40), model, SamplingRequest.builder(3).start(x).build());
      for (int i = 0; i < 3; i++) {
        double expected = 0.3 + factor * (noise[i] / start.signal() - 0.3);
        assertThat(found[i] / end.signal()).isCloseTo(expected, within(tolerance));
      }
    }
  }

  @Test
  void stochasticSolver_endsWithTheDistributionOfItsLastLevel() {
    SchedulerConfig config = config("SASolverScheduler", "num_train_timesteps", 1000L);
    Level end = steps(config, 60).get(59).to();
    MixtureDenoiser model =
        new MixtureDenoiser(
            config.schedule(),
            Prediction.FLOW,
            new double[][] {{0.3}},
            new double[] {0.5},
            new double[] {1});
    float[] found =
        SamplerMechanics.samples(
            Samplers.of(config, 60), model, SamplingRequest.builder(2000).seed(3).build());
    double mean = 0;
    double squares = 0;
    for (float x : found) {
      mean += x / end.signal() / found.length;
      squares += Math.pow(x / end.signal(), 2) / found.length;
    }
    assertThat(mean).isCloseTo(0.3, within(0.03));
    assertThat(Math.sqrt(squares - mean * mean))
        .isCloseTo(Math.hypot(0.5, end.sigma()), within(0.03));
  }

  @Test
  void contradictions_areRefusedByName() {
    assertRefused(
        config("DPMSolverMultistepScheduler", "use_karras_sigmas", true),
        "use_karras_sigmas must be false for DPMSolverMultistepScheduler");
    assertRefused(
        config("UniPCMultistepScheduler", "use_beta_sigmas", true),
        "use_beta_sigmas must be false for UniPCMultistepScheduler");
    assertRefused(
        config("UniPCMultistepScheduler", "use_dynamic_shifting", true),
        "mu must be given with use_dynamic_shifting for UniPCMultistepScheduler");
    assertRefused(
        config(
            "DEISMultistepScheduler",
            "use_dynamic_shifting",
            true,
            "mu",
            1.0,
            "time_shift_type",
            "linear"),
        "time_shift_type must be one of [exponential] but was linear");
    assertThatThrownBy(
            () ->
                steps(config("DPMSolverMultistepScheduler", "final_sigmas_type", "sigma_min"), 200))
        .hasMessageContaining("final_sigmas_type must be zero with use_flow_sigmas for 200 steps");
  }

  private static void assertRefused(SchedulerConfig config, String message) {
    assertThatThrownBy(() -> Samplers.of(config, 5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
