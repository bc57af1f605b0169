package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.data.Scaling;
import org.diffusion4j.samplers.DpmSolverSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.LearningRates;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * That every sampler draws a ring of radius 0.8 and thickness 0.03 from a trained network that
 * predicts noise, on the cosine schedule and without clipping, where x_0 does not follow from
 * predicted noise at first.
 */
@Tag("slow")
class RingTest {

  private static final double RADIUS = 0.8;
  private static final double THICKNESS = 0.03;
  private static final int COUNT = 1000;
  private static final int STEPS = 20;

  @Test
  void samples_ofEverySamplerAreOnTheRing() {
    Map<String, double[]> rings = new TreeMap<>();
    double[] without;
    try (Mlp model =
        Mlp.create(new Mlp.Config(2, 128, 3), NoiseSchedule.cosine(1000), Prediction.EPSILON, 1)) {
      train(model);
      for (String name : Samplers.names()) {
        rings.put(name, ring(model, Samplers.named(name, STEPS)));
      }
      Timesteps all =
          Timesteps.of(STEPS, Timesteps.Spacing.TRAILING).withLambdaMin(Double.NEGATIVE_INFINITY);
      without = ring(model, new DpmSolverSampler(all));
    }
    rings.forEach(
        (name, ring) -> LoggerFactory.getLogger(RingTest.class).info("{} {}", name, ring));
    assertThat(rings)
        .allSatisfy(
            (name, ring) -> {
              assertThat(ring[0]).as("radius").isBetween(RADIUS - 0.03, RADIUS + 0.03);
              assertThat(ring[1]).as("thickness").isBetween(0.005, 0.08);
            });
    assertThat(without[1]).as("thickness without the limit").isGreaterThan(0.2);
  }

  private static void train(Mlp model) {
    Random random = new Random(1);
    double[][] rows = new double[20_000][2];
    for (double[] row : rows) {
      double angle = 2 * Math.PI * random.nextDouble();
      double radius = RADIUS + THICKNESS * random.nextGaussian();
      row[0] = radius * Math.cos(angle);
      row[1] = radius * Math.sin(angle);
    }
    Scaling none = Scaling.of(new double[] {-1, -1}, new double[] {1, 1});
    SampleIterator batches =
        SampleIterator.of(SampleSource.ofVectors(rows, none), 512).shuffle(1).build();
    try (DiffusionTrainer trainer =
        DiffusionTrainer.builder(model)
            .optimizer(Optimizer.adam(LearningRates.cosine(2e-3, 3000)))
            .ema(0.995)
            .seed(1)
            .build()) {
      trainer.train(batches, 3000, TrainingListener.NONE);
      trainer.useAverage();
    }
  }

  /** Mean and standard deviation of the radius. */
  private static double[] ring(Mlp model, Sampler sampler) {
    SamplingRequest request = SamplingRequest.builder(COUNT).batchSize(COUNT).seed(1).build();
    double[][] points;
    try (SamplingResult result = sampler.sample(model, request)) {
      points = result.samples().toDoubleMatrix();
    }
    double sum = 0;
    double squares = 0;
    for (double[] point : points) {
      double radius = Math.hypot(point[0], point[1]);
      sum += radius;
      squares += radius * radius;
    }
    double mean = sum / COUNT;
    return new double[] {mean, Math.sqrt(squares / COUNT - mean * mean)};
  }
}
