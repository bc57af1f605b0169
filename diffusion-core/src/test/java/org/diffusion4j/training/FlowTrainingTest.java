package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Prediction;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.internal.common.L64X128MixRandom;
import org.diffusion4j.samplers.MixtureDenoiser;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Training on any process reaches the analytic optimum of a mixture. */
class FlowTrainingTest {

  private static final NoiseSchedule FLOW = NoiseSchedule.flow(1000);

  private static float[][] data(int n) {
    RandomGenerator random = new L64X128MixRandom(5);
    float[][] rows = new float[n][1];
    for (float[] row : rows) {
      row[0] = (float) ((random.nextBoolean() ? 0.5 : -0.5) + 0.125 * random.nextGaussian());
    }
    return rows;
  }

  private static MixtureDenoiser exact(NoiseSchedule schedule, Prediction prediction) {
    return new MixtureDenoiser(
        schedule,
        prediction,
        new double[][] {{-0.5}, {0.5}},
        new double[] {0.125, 0.125},
        new double[] {0.5, 0.5});
  }

  private interface Change {
    DiffusionTrainer.Builder of(DiffusionTrainer.Builder builder);
  }

  /** The mean squared distance of the outputs from the exact ones, over noise levels. */
  private static double distance(NoiseSchedule schedule, Prediction prediction, Change change) {
    try (Mlp model = Mlp.create(new Mlp.Config(1, 48, 2), schedule, prediction, 3)) {
      SampleIterator batches =
          SampleIterator.of(SampleSource.ofVectors(doubles(data(8192))), 256).shuffle(1).build();
      try (DiffusionTrainer trainer =
          change
              .of(
                  DiffusionTrainer.builder(model)
                      .optimizer(Optimizer.adam(LearningRates.cosine(3e-3, 1500)))
                      .ema(0.99)
                      .seed(2))
              .build()) {
        trainer.train(batches, 1500);
        trainer.useAverage();
      }
      double squares = 0;
      int count = 0;
      MixtureDenoiser optimum = exact(schedule, prediction);
      for (double sigma : new double[] {0.1, 0.3, 0.6, 1, 2, 5}) {
        Level level = schedule.levelOfSigma(sigma);
        float[] x = new float[64];
        float[][] clean = data(64);
        RandomGenerator random = new L64X128MixRandom(9);
        for (int i = 0; i < x.length; i++) {
          x[i] = (float) (level.signal() * clean[i][0] + level.noise() * random.nextGaussian());
        }
        float[] t = new float[x.length];
        Arrays.fill(t, (float) schedule.time(sigma));
        try (INDArray xt = Nd4j.create(x, new long[] {x.length, 1}, 'c');
            INDArray time = Nd4j.createFromArray(t);
            INDArray found = model.predict(xt, time, Condition.none());
            INDArray expected = optimum.predict(xt, time, Condition.none())) {
          squares += Math.pow(found.distance2(expected), 2);
          count += x.length;
        }
      }
      return squares / count;
    }
  }

  private static double[][] doubles(float[][] rows) {
    return Arrays.stream(rows)
        .map(row -> IntStream.range(0, row.length).mapToDouble(i -> row[i]).toArray())
        .toArray(double[][]::new);
  }

  @Test
  void flowMatching_reachesTheOptimum() {
    double distance = distance(FLOW, Prediction.FLOW, builder -> builder);
    assertThat(distance).isLessThan(0.02);
  }

  @Test
  void edm_reachesTheOptimum() {
    double distance =
        distance(
            NoiseSchedule.edm(1000), Prediction.EDM, builder -> builder.logNormalLevels(-1.2, 1.2));
    assertThat(distance).isLessThan(0.02);
  }

  @Test
  void varianceExploding_reachesTheOptimum() {
    NoiseSchedule process = NoiseSchedule.varianceExploding(1000, 0.05, 10);
    assertThat(distance(process, Prediction.EPSILON, builder -> builder)).isLessThan(0.02);
  }

  @Test
  void pairing_isTheBestOfAll() {
    double[][] cost = {{4, 1, 3, 9}, {2, 0, 5, 8}, {3, 2, 2, 7}, {1, 6, 4, 3}};
    int[] found = Pairing.assignment(cost);
    double best = Double.POSITIVE_INFINITY;
    for (int[] order : permutations(4)) {
      best = Math.min(best, total(cost, order));
    }
    assertThat(total(cost, found)).isEqualTo(best);
    assertThat(found).containsExactlyInAnyOrder(0, 1, 2, 3);
  }

  private static double total(double[][] cost, int[] columns) {
    return IntStream.range(0, columns.length).mapToDouble(i -> cost[i][columns[i]]).sum();
  }

  private static int[][] permutations(int n) {
    return IntStream.range(0, (int) Math.pow(n, n))
        .mapToObj(code -> IntStream.range(0, n).map(i -> code / (int) Math.pow(n, i) % n).toArray())
        .filter(order -> Arrays.stream(order).distinct().count() == n)
        .toArray(int[][]::new);
  }

  /** On a line the best pairing is that of the ranks. */
  @Test
  void pairing_onALineKeepsTheOrder() {
    INDArray x0 = Nd4j.createFromArray(0.3f, -1f, 2f, 0.5f).reshape(4, 1);
    try (INDArray noise = NoiseSource.perSample(4).start().batch(0, 4).next(4, 1)) {
      float[] drawn = noise.dup().data().asFloat();
      Pairing.pair(x0, noise);
      float[] paired = noise.dup().data().asFloat();
      Arrays.sort(drawn);
      assertThat(paired).containsExactly(drawn[1], drawn[0], drawn[3], drawn[2]);
    }
  }

  @Test
  void logNormalLevels_haveTheDistribution() {
    LogNormalLevels levels = new LogNormalLevels(-1.2, 1.2);
    NoiseSchedule schedule = NoiseSchedule.edm(1000);
    int[] t = levels.timesteps(new L64X128MixRandom(1), 20_000, schedule);
    double[] logs = Arrays.stream(t).mapToDouble(s -> Math.log(schedule.sigma(s))).toArray();
    double mean = Arrays.stream(logs).average().orElseThrow();
    double variance = Arrays.stream(logs).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    assertThat(mean).isCloseTo(-1.2, within(0.03));
    assertThat(Math.sqrt(variance)).isCloseTo(1.2, within(0.03));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LogNormalLevels(0, 0))
        .withMessage("deviation of log(sigma) must be positive and finite but was 0.0");
  }
}
