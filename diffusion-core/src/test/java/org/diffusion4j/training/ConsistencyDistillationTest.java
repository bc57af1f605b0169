package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.samplers.MixtureDenoiser;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Consistency distillation: Song et al. 2023, algorithm 2. */
class ConsistencyDistillationTest {

  private static final NoiseSchedule FLOW = NoiseSchedule.flow(100);

  private static MixtureDenoiser mixture(NoiseSchedule schedule, Prediction prediction) {
    return new MixtureDenoiser(
        schedule,
        prediction,
        new double[][] {{-0.6}, {0.6}},
        new double[] {0.1, 0.1},
        new double[] {0.5, 0.5});
  }

  static Stream<Arguments> processes() {
    return Stream.of(
        Arguments.of(NoiseSchedule.cosine(1000), Prediction.VELOCITY),
        Arguments.of(NoiseSchedule.linear(1000).withZeroTerminalSnr(), Prediction.SAMPLE),
        Arguments.of(NoiseSchedule.flow(1000), Prediction.FLOW),
        Arguments.of(NoiseSchedule.varianceExploding(1000, 0.01, 50), Prediction.SAMPLE),
        Arguments.of(NoiseSchedule.edm(1000, 0.002, 80, 0.5), Prediction.EDM));
  }

  /** Of data with a normal distribution, (x - signal mean) / deviation is constant on a path. */
  @ParameterizedTest
  @MethodSource("processes")
  void samples_areWhereTheTeachersPathLeads(NoiseSchedule schedule, Prediction prediction) {
    double mean = 0.3;
    double deviation = 0.5;
    MixtureDenoiser teacher =
        new MixtureDenoiser(
            schedule,
            prediction,
            new double[][] {{mean}},
            new double[] {deviation},
            new double[] {1});
    ConsistencyDistillation path = new ConsistencyDistillation(teacher, 50);
    int[] t = {3, 300, 700, 999};
    int[] r = Arrays.stream(t).map(s -> path.lower(schedule, s)).toArray();
    float[] x = new float[t.length];
    for (int i = 0; i < t.length; i++) {
      Level level = schedule.level(t[i]);
      x[i] = (float) (0.7 * level.signal() + 0.4 * level.noise());
    }
    try (INDArray xt = Nd4j.createFromArray(x).reshape(t.length, 1);
        INDArray any = Nd4j.zerosLike(xt);
        INDArray found =
            path.samples(
                new Loss.NoisyBatch(any, any, xt, t, schedule, prediction), r, Condition.none())) {
      for (int i = 0; i < t.length; i++) {
        Level from = schedule.level(t[i]);
        Level to = schedule.level(r[i]);
        double expected =
            to.signal() * mean
                + (x[i] - from.signal() * mean)
                    * Math.hypot(to.signal() * deviation, to.noise())
                    / Math.hypot(from.signal() * deviation, from.noise());
        double scale = to.signal() + to.noise();
        assertThat(found.getDouble(i) / scale)
            .as("from %s to %s", t[i], r[i])
            .isCloseTo(expected / scale, within(5e-4));
      }
    }
  }

  @Test
  void lower_isAStepOfTheStraightPathBelow() {
    ConsistencyDistillation path = new ConsistencyDistillation(mixture(FLOW, Prediction.FLOW), 4);
    assertThat(path.lower(FLOW, 99)).isEqualTo(74);
    assertThat(path.lower(FLOW, 25)).isEqualTo(0);
    assertThat(path.lower(FLOW, 24)).isEqualTo(-1);
  }

  @Test
  void distilledModel_samplesInOneStepAndInTwo() {
    MixtureDenoiser teacher = mixture(FLOW, Prediction.FLOW);
    double[] right = samples(teacher, "euler", 100);
    double[][] data = Arrays.stream(right).mapToObj(x -> new double[] {x}).toArray(double[][]::new);
    int steps = 1000;
    try (Mlp model = Mlp.create(new Mlp.Config(1, 32, 2), FLOW, Prediction.FLOW, 1)) {
      try (DiffusionTrainer trainer =
          DiffusionTrainer.builder(model)
              .optimizer(Optimizer.adam(LearningRates.cosine(1e-2, steps)))
              .loss(Loss.consistencyDistillation(model, teacher, 16))
              .seed(2)
              .build()) {
        trainer.train(
            SampleIterator.of(SampleSource.ofVectors(data), 128).shuffle(1).build(), steps);
      }
      assertThat(distance(samples(model, "consistency", 1), right)).isLessThan(0.05);
      assertThat(distance(samples(model, "consistency", 2), right)).isLessThan(0.05);
    }
  }

  /** In ascending order. */
  private static double[] samples(Denoiser model, String sampler, int steps) {
    int n = 2000;
    SamplingRequest request = SamplingRequest.builder(n).seed(9).batchSize(n).build();
    try (SamplingResult result = Samplers.named(sampler, steps).sample(model, request)) {
      double[] samples = result.samples().reshape(n).toDoubleVector();
      Arrays.sort(samples);
      return samples;
    }
  }

  /** Wasserstein-1. */
  private static double distance(double[] one, double[] other) {
    double sum = 0;
    for (int i = 0; i < one.length; i++) {
      sum += Math.abs(one[i] - other[i]);
    }
    return sum / one.length;
  }

  @Test
  void badInput_isNamed() {
    MixtureDenoiser teacher = mixture(FLOW, Prediction.FLOW);
    try (Mlp model = Mlp.create(new Mlp.Config(1, 8, 1), FLOW, Prediction.FLOW, 1);
        Mlp plane = Mlp.create(new Mlp.Config(2, 8, 1), FLOW, Prediction.FLOW, 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Loss.consistencyDistillation(model, teacher, 0))
          .withMessage("steps must be at least 1 but were 0");
      MixtureDenoiser noise = mixture(FLOW, Prediction.EPSILON);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Loss.consistencyDistillation(model, noise, 16))
          .withMessageContaining("teacher must predict samples or velocities, without a")
          .withMessageContaining("but predicts EPSILON");
      assertRefused(model, model, "teacher must be a model other than the one that is trained");
      assertRefused(model, plane, "teacher must have the model's shape, [1], but has [2]");
      assertRefused(
          model,
          mixture(NoiseSchedule.flow(50), Prediction.FLOW),
          "teacher must have the model's number of timesteps, 100, but has 50");
      assertRefused(
          model,
          mixture(NoiseSchedule.cosine(100), Prediction.VELOCITY),
          "teacher must have the model's noise level at timestep 0, Level[");
      try (Mlp classes =
          Mlp.create(new Mlp.Config(1, 8, 1).withClasses(3, false), FLOW, Prediction.FLOW, 1)) {
        assertRefused(
            model, classes, "teacher must have the model's number of classes, 0, but has 3");
      }
    }
  }

  private static void assertRefused(Mlp model, Denoiser teacher, String message) {
    Loss loss = Loss.consistencyDistillation(model, teacher, 16);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DiffusionTrainer.builder(model).loss(loss).build())
        .withMessageContaining(message);
  }
}
