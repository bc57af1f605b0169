package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Solvers and steps that are fitted to the exact denoiser of a mixture. */
class FittedSamplersTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final int STEPS = 5;

  private static MixtureDenoiser model(Prediction prediction) {
    return MixtureDenoiser.inThePlane(SCHEDULE, prediction);
  }

  private static SchedulerConfig config(String className, Prediction prediction) {
    return new SchedulerConfig(className, SchedulerConfig.of(SCHEDULE, prediction).settings());
  }

  private static SamplingRequest paths() {
    return SamplingRequest.builder(200).seed(3).build();
  }

  /** The distances from exact solutions for noise that nothing was fitted to. */
  private static double[] errors(List<Sampler> samplers, Denoiser model) {
    SamplingRequest request = SamplingRequest.builder(500).seed(77).build();
    Sampler exact = new DpmSolverSampler(200).withOrder(3);
    double[] errors = new double[samplers.size()];
    try (SamplingResult right = exact.sample(model, request)) {
      for (int i = 0; i < errors.length; i++) {
        try (SamplingResult found = samplers.get(i).sample(model, request)) {
          double distance = found.samples().distance2(right.samples());
          errors[i] = distance / Math.sqrt(found.samples().length());
        }
      }
    }
    return errors;
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void fittedSolver_isCloserToTheSolutionThanOthers(Prediction prediction) {
    MixtureDenoiser model = model(prediction);
    SchedulerConfig fitted =
        Samplers.fitSolver(config("DDPMScheduler", prediction), STEPS, model, paths());
    Sampler sampler = Samplers.of(fitted, STEPS);
    List<String> others = List.of("unipc", "dpm++2m", "deis", "ddim");
    List<Sampler> all = new ArrayList<>(List.of(sampler));
    others.forEach(name -> all.add(Samplers.named(name, STEPS)));
    double[] errors = errors(all, model);
    for (int i = 0; i < others.size(); i++) {
      assertThat(errors[0]).as(others.get(i)).isLessThan(0.6 * errors[i + 1]);
    }
    try (SamplingResult result = sampler.sample(model, SamplingRequest.of(3))) {
      assertThat(result.denoiserCalls()).isEqualTo(STEPS);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UniPCMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DEISMultistepScheduler"
      })
  void fittedSteps_areBetterThanTheSamplersOwn(String className) {
    MixtureDenoiser model = model(Prediction.VELOCITY);
    SchedulerConfig plain = config(className, Prediction.VELOCITY);
    SchedulerConfig fitted = Samplers.fitSteps(plain, STEPS, model, paths());
    double[] errors = errors(List.of(Samplers.of(fitted, STEPS), Samplers.of(plain, STEPS)), model);
    assertThat(errors[0]).isLessThan(0.8 * errors[1]);
  }

  @Test
  void configuration_holdsTheFitsOfSeveralNumbersOfSteps() {
    MixtureDenoiser model = model(Prediction.EPSILON);
    SchedulerConfig config = config("UniPCMultistepScheduler", Prediction.EPSILON);
    config = Samplers.fitSolver(config, 3, model, paths());
    config = Samplers.fitSolver(config, 4, model, paths());
    config = Samplers.fitSteps(config, 5, model, paths());
    assertThat(Samplers.of(config, 3).toString()).startsWith("FittedSampler[").contains("fitted");
    assertThat(Samplers.of(config, 4).toString()).startsWith("FittedSampler[");
    assertThat(Samplers.of(config, 5).toString()).startsWith("UniPcSampler[").contains("[157.");
    assertThat(Samplers.of(config, 6).toString())
        .isEqualTo(
            Samplers.of(config("UniPCMultistepScheduler", Prediction.EPSILON), 6).toString());
    SchedulerConfig again = Samplers.fitSolver(config, 4, model, paths());
    assertThat(again.settings()).isEqualTo(config.settings());
  }

  @Test
  void fits_toAnotherDenoiser_areRefusedBeforeTheFirstCall() {
    MixtureDenoiser model = model(Prediction.EPSILON);
    SchedulerConfig config = config("UniPCMultistepScheduler", Prediction.EPSILON);
    config = Samplers.fitSolver(config, 3, model, paths());
    config = Samplers.fitSteps(config, 4, model, paths());
    Denoiser other =
        FunctionDenoiser.of(
            NoiseSchedule.cosine(1000),
            (x, t, c) -> {
              throw new AssertionError("called");
            },
            2);
    for (int steps : new int[] {3, 4}) {
      Sampler sampler = Samplers.of(config, steps);
      assertThatThrownBy(() -> sampler.sample(other, SamplingRequest.of(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the steps must be fitted to the denoiser, [2] EPSILON 1000")
          .hasMessageContaining("but were to [2] EPSILON 1000");
      sampler.sample(model, SamplingRequest.of(1)).close();
    }
    SchedulerConfig deis = new SchedulerConfig("DEISMultistepScheduler", config.settings());
    assertThatThrownBy(() -> Samplers.of(deis, 4))
        .hasMessageContaining(
            "fitted_steps must be fitted to the sampler, DEISMultistepScheduler, but were to"
                + " UniPCMultistepScheduler");
  }

  @Test
  void badInput_isNamedBeforeTheFirstCall() {
    Denoiser never =
        FunctionDenoiser.of(
            SCHEDULE,
            (x, t, c) -> {
              throw new AssertionError("called");
            },
            2);
    SchedulerConfig config = config("UniPCMultistepScheduler", Prediction.EPSILON);
    for (int steps : new int[] {0, 33}) {
      assertThatThrownBy(() -> Samplers.fitSolver(config, steps, never, paths()))
          .hasMessageContaining("fitted steps must be in [1, 32] but were " + steps);
    }
    for (String whole : List.of("DDPMScheduler", "DDIMScheduler", "PNDMScheduler")) {
      assertThatThrownBy(
              () -> Samplers.fitSteps(config(whole, Prediction.EPSILON), 4, never, paths()))
          .hasMessageContaining("whole timesteps but was given noise levels");
    }
    try (INDArray start = Values.normal(1, 2, 2)) {
      assertThatThrownBy(
              () ->
                  Samplers.fitSolver(
                      config, 4, never, SamplingRequest.builder(2).start(start).build()))
          .hasMessageContaining("must begin with noise but were given samples");
    }
    for (Object damaged : List.of(3L, List.of("a"), List.of(List.of(1.0, "x")))) {
      SchedulerConfig bad = config.with("fitted_solvers", damaged);
      assertThatThrownBy(() -> Samplers.of(bad, 1))
          .hasMessageContaining("fitted_solvers must be lists of numbers but one was ");
    }
    SchedulerConfig cut = config.with("fitted_solvers", List.of(List.of(1.0, 2.0)));
    assertThatThrownBy(() -> Samplers.of(cut, 1))
        .hasMessageContaining("must be of 1 to 32 steps but one has 2 numbers");
    SchedulerConfig ascending =
        config
            .with("fitted_steps", List.of(List.of(1.0, 2.0)))
            .with("fitted_class", config.className());
    assertThatThrownBy(() -> Samplers.of(ascending, 2))
        .hasMessageContaining("sigmas must decrease strictly");
  }

  @Test
  void fit_thatIsCancelled_ends() {
    CancelToken token = new CancelToken();
    token.cancel();
    SamplingRequest request = SamplingRequest.builder(4).seed(1).cancelToken(token).build();
    assertThatThrownBy(
            () ->
                Samplers.fitSolver(
                    config("DDPMScheduler", Prediction.EPSILON),
                    3,
                    model(Prediction.EPSILON),
                    request))
        .isInstanceOf(SamplingCancelledException.class);
  }

  @Test
  void solver_asAList_isTheSame() {
    double[] list = new double[FittedSampler.Solver.length(6)];
    for (int k = 0; k < list.length; k++) {
      list[k] = k < 6 ? 6 - k : k;
    }
    FittedSampler.Solver solver = FittedSampler.Solver.of(list, 6);
    assertThat(solver.toList().stream().mapToDouble(v -> v).toArray()).containsExactly(list);
    assertThat(solver.coefficients()[0]).hasSize(2);
    assertThat(solver.coefficients()[5]).hasSize(5);
  }

  @Test
  void stepChoice_isTheCheapestWay() {
    Trajectories trajectories =
        Trajectories.of(model(Prediction.SAMPLE), paths(), X0Correction.none());
    StepChoice choice = StepChoice.of(trajectories);
    double[] chosen = choice.sigmas(2, 1);
    double least = Double.POSITIVE_INFINITY;
    double sigma = 0;
    for (int j = 1; j < trajectories.nodes(); j++) {
      double cost = cost(trajectories, 0, j) + cost(trajectories, j, trajectories.nodes());
      if (cost < least) {
        least = cost;
        sigma = trajectories.levels()[j].sigma();
      }
    }
    assertThat(chosen).containsExactly(trajectories.levels()[0].sigma(), sigma);
  }

  private static double cost(Trajectories all, int i, int j) {
    double kept = all.levels()[j].sigma() / all.levels()[i].sigma();
    double squares = 0;
    for (int k = 0; k < all.y()[i].length; k++) {
      double end = kept * all.y()[i][k] + (1 - kept) * all.x0()[i][k];
      squares += Math.pow((float) (end - all.y()[j][k]), 2);
    }
    return Math.sqrt(squares / all.y()[i].length);
  }

  @Test
  void leastSquares_ofALine_findsIt() {
    float[][] arrays = {{1, 1, 1, 1}, {0, 1, 2, 3}};
    assertThat(LeastSquares.combination(arrays, new float[] {2, 5, 8, 11}))
        .containsExactly(new double[] {2, 3}, within(1e-6));
  }

  @Test
  void settings_areThoseOfOneDenoiser() {
    SchedulerConfig config = config("UniPCMultistepScheduler", Prediction.EPSILON);
    config = Samplers.fitSolver(config, 3, model(Prediction.EPSILON), paths());
    SchedulerConfig other = Samplers.fitSolver(config, 2, model(Prediction.SAMPLE), paths());
    Map<String, Object> settings = Map.copyOf(Map.of("a", other.settings().get("fitted_solvers")));
    assertThat((List<?>) settings.get("a")).hasSize(1);
  }
}
