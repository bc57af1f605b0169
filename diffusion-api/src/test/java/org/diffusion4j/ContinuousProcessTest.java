package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ContinuousProcessTest {

  static Stream<NoiseSchedule> processes() {
    return Stream.of(
        NoiseSchedule.varianceExploding(100, 0.01, 50),
        NoiseSchedule.edm(100),
        NoiseSchedule.edm(40, 0.01, 20, 1),
        NoiseSchedule.flow(100),
        NoiseSchedule.trigonometric(100));
  }

  @ParameterizedTest
  @MethodSource("processes")
  void time_isInvertedBySigmaOfTime(NoiseSchedule process) {
    for (double sigma : new double[] {0.003, 0.1, 1, 17.5, 900}) {
      assertThat(process.sigmaOfTime(process.time(sigma))).isCloseTo(sigma, within(1e-9 * sigma));
      Level level = process.levelOfSigma(sigma);
      assertThat(level.sigma()).isCloseTo(sigma, within(1e-12 * sigma));
      assertThat(level.alphaBar()).isCloseTo(Level.ofSigma(sigma).alphaBar(), within(1e-12));
    }
  }

  @ParameterizedTest
  @MethodSource("processes")
  void steps_areAGridOfRisingNoise(NoiseSchedule process) {
    assertThat(process.sigma(-1)).isZero();
    for (int t = 0; t < process.steps(); t++) {
      assertThat(process.sigma(t)).isGreaterThan(process.sigma(t - 1));
      assertThat(process.level(t)).isEqualTo(process.levelOfSigma(process.sigma(t)));
      double kept = process.alphaBar(t) / process.alphaBar(t - 1);
      assertThat(process.beta(t)).isCloseTo(1 - kept, within(1e-12));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> process.sigma(process.steps()))
        .withMessageStartingWith("timestep must be in [-1, ");
  }

  @ParameterizedTest
  @MethodSource("processes")
  void posterior_isThatOfTheProcessThatPreservesVariance(NoiseSchedule process) {
    ForwardProcess forward = new ForwardProcess(process);
    int t = process.steps() / 2;
    Level to = process.level(t - 1);
    Level from = process.level(t);
    double alphaBar = process.alphaBar(t);
    double before = process.alphaBar(t - 1);
    double x0 = 0.7;
    double xt = -0.4;
    double expected =
        to.scale()
            * (Math.sqrt(before) * process.beta(t) / (1 - alphaBar) * x0
                + Math.sqrt(process.alpha(t)) * (1 - before) / (1 - alphaBar) * xt / from.scale());
    double mean = forward.posteriorMean(Batches.column(x0), Batches.column(xt), t).getDouble(0);
    assertThat(mean).isCloseTo(expected, within(1e-9));
  }

  /** EDM (Karras et al. 2022), table 1 and equation 7. */
  @Test
  void edm_hasThePreconditioningOfThePaper() {
    double data = 0.5;
    double sigma = 3;
    double norm = Math.sqrt(sigma * sigma + data * data);
    NoiseSchedule edm = NoiseSchedule.edm(18);
    Level level = edm.levelOfSigma(sigma);
    double x = 1.3;
    double f = -0.6;
    double skip = data * data / (norm * norm);
    double out = sigma * data / norm;
    double x0 = Prediction.EDM.x0(Batches.column(x / norm), Batches.column(f), level).getDouble(0);
    assertThat(level.signal()).isCloseTo(1 / norm, within(1e-15));
    assertThat(x0).isCloseTo(skip * x + out * f, within(1e-12));
    assertThat(edm.time(sigma)).isEqualTo(Math.log(sigma) / 4);
    assertThat(edm.sigma(17)).isCloseTo(80, within(1e-10));
    assertThat(edm.sigma(16)).isCloseTo(57.58598472124816, within(1e-10));
    assertThat(edm.sigma(0)).isCloseTo(0.002, within(1e-12));
  }

  @Test
  void flow_isAStraightLine() {
    NoiseSchedule flow = NoiseSchedule.flow(10);
    assertThat(flow.level(-1)).isEqualTo(Level.CLEAN);
    assertThat(flow.level(9)).isEqualTo(new Level(0, 1));
    assertThat(flow.level(3).noise()).isCloseTo(0.4, within(1e-12));
    assertThat(flow.time(flow.sigma(3))).isCloseTo(4, within(1e-12));
    double x0 = 2;
    double epsilon = -1;
    double xt = 0.6 * x0 + 0.4 * epsilon;
    double velocity = epsilon - x0;
    assertThat(
            Prediction.FLOW
                .x0(Batches.column(xt), Batches.column(velocity), flow.level(3))
                .getDouble(0))
        .isCloseTo(x0, within(1e-12));
  }

  @ParameterizedTest
  @MethodSource("processes")
  void config_isReadBack(NoiseSchedule process) {
    for (Prediction prediction : Prediction.values()) {
      SchedulerConfig config = SchedulerConfig.of(process, prediction);
      assertThat(config.schedule()).isEqualTo(process);
      assertThat(config.prediction()).isEqualTo(prediction);
    }
  }

  @Test
  void config_hasTheDefaultsOfItsClass() {
    assertThat(new SchedulerConfig("EDMEulerScheduler", Map.of()).schedule())
        .isEqualTo(NoiseSchedule.edm(1000));
    assertThat(new SchedulerConfig("ScoreSdeVeScheduler", Map.of()).schedule())
        .isEqualTo(NoiseSchedule.varianceExploding(2000, 0.01, 1348));
    assertThat(new SchedulerConfig("CMStochasticIterativeScheduler", Map.of()).prediction())
        .isEqualTo(Prediction.EDM);
    assertThat(new SchedulerConfig("FlowMatchHeunDiscreteScheduler", Map.of()).prediction())
        .isEqualTo(Prediction.FLOW);
  }

  @Test
  void rho_ofAConfigurationSpacesTheSteps() {
    SchedulerConfig config =
        new SchedulerConfig(
            "EDMEulerScheduler",
            Map.of("rho", 3.0, "sigma_min", 1.0, "sigma_max", 8.0, "num_train_timesteps", 3L));
    NoiseSchedule schedule = config.schedule();
    assertThat(schedule.sigma(1)).isCloseTo(3.375, within(1e-12));
    assertThat(SchedulerConfig.of(schedule, Prediction.EDM).schedule()).isEqualTo(schedule);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> config.with("rho", 0.0).schedule())
        .withMessage("rho must be positive and finite but was 0.0");
  }

  @Test
  void sigmas_inTheWrongOrder_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NoiseSchedule.edm(10, 80, 0.002, 0.5))
        .withMessage("sigmas must be positive, finite and in order but were 80.0 and 0.002");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NoiseSchedule.varianceExploding(10, 1, 1))
        .withMessage("sigmas must be positive, finite and in order but were 1.0 and 1.0");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new SchedulerConfig(
                        "EDMEulerScheduler", Map.of("sigma_min", 90.0, "sigma_max", 80.0))
                    .schedule())
        .withMessage("sigmas must be positive, finite and in order but were 90.0 and 80.0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NoiseSchedule.edm(10, 0.002, 80, 0))
        .withMessage("sigma_data must be positive and finite but was 0.0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NoiseSchedule.flow(1))
        .withMessage("steps of a process in continuous time must be at least 2 but was 1");
  }
}
