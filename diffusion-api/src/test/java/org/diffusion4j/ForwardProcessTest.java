package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ForwardProcessTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final ForwardProcess PROCESS = new ForwardProcess(SCHEDULE);

  /** A method of two batches and its formula for one value of each. */
  private enum Method {
    NOISY {
      @Override
      INDArray apply(INDArray x, INDArray y, int... t) {
        return PROCESS.noisy(x, y, t);
      }

      @Override
      double formula(double x0, double epsilon, int t) {
        return Math.sqrt(SCHEDULE.alphaBar(t)) * x0 + Math.sqrt(1 - SCHEDULE.alphaBar(t)) * epsilon;
      }
    },
    X0 {
      @Override
      INDArray apply(INDArray x, INDArray y, int... t) {
        return PROCESS.x0(x, y, t);
      }

      @Override
      double formula(double xt, double epsilon, int t) {
        double alphaBar = SCHEDULE.alphaBar(t);
        return (xt - Math.sqrt(1 - alphaBar) * epsilon) / Math.sqrt(alphaBar);
      }
    },
    EPSILON {
      @Override
      INDArray apply(INDArray x, INDArray y, int... t) {
        return PROCESS.epsilon(x, y, t);
      }

      @Override
      double formula(double xt, double x0, int t) {
        double alphaBar = SCHEDULE.alphaBar(t);
        return (xt - Math.sqrt(alphaBar) * x0) / Math.sqrt(1 - alphaBar);
      }
    },
    VELOCITY {
      @Override
      INDArray apply(INDArray x, INDArray y, int... t) {
        return PROCESS.velocity(x, y, t);
      }

      @Override
      double formula(double x0, double epsilon, int t) {
        return Math.sqrt(SCHEDULE.alphaBar(t)) * epsilon - Math.sqrt(1 - SCHEDULE.alphaBar(t)) * x0;
      }
    },
    POSTERIOR_MEAN {
      @Override
      INDArray apply(INDArray x, INDArray y, int... t) {
        return PROCESS.posteriorMean(x, y, t);
      }

      /** The peak of the product of q(x_{t-1} | x_0) and q(x_t | x_{t-1}), two Gaussians. */
      @Override
      double formula(double x0, double xt, int t) {
        if (t == 0) {
          return x0;
        }
        double prior = 1 / (1 - SCHEDULE.alphaBar(t - 1));
        double likelihood = SCHEDULE.alpha(t) / SCHEDULE.beta(t);
        return (prior * Math.sqrt(SCHEDULE.alphaBar(t - 1)) * x0
                + likelihood * xt / Math.sqrt(SCHEDULE.alpha(t)))
            / (prior + likelihood);
      }
    };

    abstract INDArray apply(INDArray x, INDArray y, int... t);

    abstract double formula(double x, double y, int t);
  }

  static Stream<Arguments> batches() {
    return Stream.of(Method.values())
        .flatMap(
            method ->
                Stream.of(DataType.DOUBLE, DataType.FLOAT)
                    .flatMap(
                        type ->
                            Stream.of(
                                    new long[] {4},
                                    new long[] {4, 1},
                                    new long[] {4, 7},
                                    new long[] {4, 3, 5, 2},
                                    new long[] {1, 3, 2, 2})
                                .map(shape -> Arguments.of(method, type, shape))));
  }

  @ParameterizedTest
  @MethodSource("batches")
  void formula_holdsForEachSampleWithItsOwnTimestep(Method method, DataType type, long[] shape) {
    INDArray x = Batches.normal(1, type, shape);
    INDArray y = Batches.normal(2, type, shape);
    assertFormula(method, x, y, Arrays.copyOf(new int[] {500, 0, 999, 17}, (int) shape[0]));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void formula_holdsForViews(Method method) {
    INDArray x = Batches.normal(1, DataType.FLOAT, 5, 4, 3).permute(2, 0, 1);
    INDArray y = Batches.normal(2, DataType.FLOAT, 3, 5, 4).dup('f');
    assertFormula(method, x, y, 3, 700, 80);
  }

  private static Method[] methods() {
    return Method.values();
  }

  private static void assertFormula(Method method, INDArray x, INDArray y, int... t) {
    INDArray xBefore = x.dup();
    INDArray yBefore = y.dup();
    INDArray result = method.apply(x, y, t);
    assertThat(result.shape()).isEqualTo(x.shape());
    assertThat(result.dataType()).isEqualTo(x.dataType());
    double[] xs = Batches.values(x);
    double[] ys = Batches.values(y);
    double[] results = Batches.values(result);
    double precision = x.dataType() == DataType.DOUBLE ? 1e-13 : 1e-6;
    for (int i = 0; i < results.length; i++) {
      int s = t[i / (results.length / t.length)];
      double expected = method.formula(xs[i], ys[i], s);
      // The two terms of a difference, of size up to 1 / sqrt(alphaBar) or 1 / sqrt(1 - alphaBar).
      double size = Math.abs(method.formula(xs[i], 0, s)) + Math.abs(method.formula(0, ys[i], s));
      assertThat(results[i]).isCloseTo(expected, within(precision * (1 + size)));
    }
    assertThat(x).isEqualTo(xBefore);
    assertThat(y).isEqualTo(yBefore);
    assertThat(result).isNotSameAs(x).isNotSameAs(y);
  }

  @ParameterizedTest
  @CsvSource({"DOUBLE, 1e-13", "FLOAT, 1e-6"})
  void x0AndEpsilon_undoNoisy(DataType type, double precision) {
    int[] t = {0, 1, 10, 300, 998, 999};
    INDArray x0 = Batches.normal(3, type, 6, 2, 4, 4);
    INDArray epsilon = Batches.normal(4, type, 6, 2, 4, 4);
    INDArray xt = PROCESS.noisy(x0, epsilon, t);
    double[] x0s = Batches.values(x0);
    double[] epsilons = Batches.values(epsilon);
    double[] x0Again = Batches.values(PROCESS.x0(xt, epsilon, t));
    double[] epsilonAgain = Batches.values(PROCESS.epsilon(xt, x0, t));
    for (int i = 0; i < x0s.length; i++) {
      double alphaBar = SCHEDULE.alphaBar(t[i / 32]);
      double bound = 5 * precision;
      assertThat(x0Again[i]).isCloseTo(x0s[i], within(bound / Math.sqrt(alphaBar)));
      assertThat(epsilonAgain[i]).isCloseTo(epsilons[i], within(bound / Math.sqrt(1 - alphaBar)));
    }
  }

  @Test
  void velocity_givesBackBothOfItsParts() {
    int[] t = {-1, 0, 400, 999};
    INDArray x0 = Batches.normal(5, DataType.DOUBLE, 4, 3);
    INDArray epsilon = Batches.normal(6, DataType.DOUBLE, 4, 3);
    double[] xt = Batches.values(PROCESS.noisy(x0, epsilon, t));
    double[] v = Batches.values(PROCESS.velocity(x0, epsilon, t));
    double[] x0s = Batches.values(x0);
    double[] epsilons = Batches.values(epsilon);
    for (int i = 0; i < v.length; i++) {
      double signal = Math.sqrt(SCHEDULE.alphaBar(t[i / 3]));
      double noise = Math.sqrt(1 - SCHEDULE.alphaBar(t[i / 3]));
      assertThat(signal * xt[i] - noise * v[i]).isCloseTo(x0s[i], within(1e-13));
      assertThat(noise * xt[i] + signal * v[i]).isCloseTo(epsilons[i], within(1e-13));
    }
  }

  @Test
  void cleanSample_isReturnedAsItIs() {
    INDArray x0 = Batches.normal(7, DataType.FLOAT, 2, 3);
    INDArray epsilon = Batches.normal(8, DataType.FLOAT, 2, 3);
    assertThat(PROCESS.noisy(x0, epsilon, -1, -1)).isEqualTo(x0).isNotSameAs(x0);
    assertThat(PROCESS.x0(x0, epsilon, -1, -1)).isEqualTo(x0).isNotSameAs(x0);
    assertThat(PROCESS.velocity(x0, epsilon, -1, -1)).isEqualTo(epsilon).isNotSameAs(epsilon);
  }

  /** openai/improved-diffusion, posterior_mean_coef1 and posterior_mean_coef2. */
  @ParameterizedTest
  @CsvSource({
    "linear, 0, 1.0000000000001101, 0.0",
    "linear, 1, 0.5452914995102903, 0.4547084989905303",
    "linear, 2, 0.3887068358672305, 0.6112931602877927",
    "linear, 10, 0.1362778597700445, 0.8637220692869959",
    "linear, 250, 0.007684422330458198, 0.9919078832742143",
    "linear, 500, 0.003058057075629619, 0.9941043507567258",
    "linear, 750, 0.0008734535067586322, 0.9924013631211275",
    "linear, 998, 0.00012952423622957632, 0.9899587234910675",
    "linear, 999, 0.00012835148717224682, 0.9899486782675173",
    "cosine, 0, 1.0, 0.0",
    "cosine, 1, 0.5277814093344871, 0.47221859042675934",
    "cosine, 2, 0.36842642098897643, 0.6315735784539775",
    "cosine, 10, 0.12459223552239282, 0.8754077573833563",
    "cosine, 250, 0.007925972108818116, 0.9920464792258196",
    "cosine, 500, 0.004367866899526329, 0.9953562794552251",
    "cosine, 750, 0.003359849578293477, 0.9949318989977513",
    "cosine, 998, 0.002337676189817342, 0.49999696394667836",
    "cosine, 999, 0.0015568917154901703, 0.03162269987413465"
  })
  void posteriorMean_hasThePublishedCoefficients(String name, int t, double ofX0, double ofXt) {
    ForwardProcess process =
        new ForwardProcess(
            name.equals("cosine") ? NoiseSchedule.cosine(1000) : NoiseSchedule.linear(1000));
    double[] mean =
        Batches.values(process.posteriorMean(Batches.column(1, 0), Batches.column(0, 1), t, t));
    assertThat(mean[0]).isCloseTo(ofX0, within(ofX0 * 1e-10));
    assertThat(mean[1]).isCloseTo(ofXt, within(ofXt * 1e-10));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 10, 500, 999})
  void posteriorVariance_isThatOfTheProductOfTwoGaussians(int t) {
    double precision = 1 / (1 - SCHEDULE.alphaBar(t - 1)) + SCHEDULE.alpha(t) / SCHEDULE.beta(t);
    assertThat(PROCESS.posteriorVariance(t)).isCloseTo(1 / precision, within(1e-12 / precision));
    assertThat(PROCESS.stepVariance(t)).isEqualTo(SCHEDULE.beta(t));
  }

  @Test
  void noisy_hasTheMomentsOfSingleStepsTakenInTurn() {
    int n = 100_000;
    double x0 = 1.5;
    NoiseSchedule schedule = NoiseSchedule.linear(20, 0.01, 0.3);
    ForwardProcess process = new ForwardProcess(schedule);
    double[] x = new double[n];
    Arrays.fill(x, x0);
    Random random = new Random(9);
    for (int t = 0; t < 20; t++) {
      for (int i = 0; i < n; i++) {
        x[i] =
            Math.sqrt(1 - schedule.beta(t)) * x[i]
                + Math.sqrt(schedule.beta(t)) * random.nextGaussian();
      }
      double[] closed =
          Batches.values(process.noisy(Batches.column(x0, 0), Batches.column(0, 1), t, t));
      double mean = Arrays.stream(x).average().orElseThrow();
      double variance = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).sum() / (n - 1);
      double expected = closed[1] * closed[1];
      assertThat(mean).isCloseTo(closed[0], within(4 * Math.sqrt(expected / n)));
      assertThat(variance).isCloseTo(expected, within(4 * expected * Math.sqrt(2.0 / n)));
    }
  }

  @Test
  void zeroTerminalSnr_endIsNoiseAlone() {
    ForwardProcess process = new ForwardProcess(SCHEDULE.withZeroTerminalSnr());
    INDArray x0 = Batches.normal(10, DataType.FLOAT, 1, 3);
    INDArray epsilon = Batches.normal(11, DataType.FLOAT, 1, 3);
    assertThat(process.noisy(x0, epsilon, 999)).isEqualTo(epsilon);
    assertThat(process.velocity(x0, epsilon, 999)).isEqualTo(x0.neg());
    assertThat(process.epsilon(epsilon, x0, 999)).isEqualTo(epsilon);
    assertRefused(() -> process.x0(epsilon, epsilon, 999), "alphaBar", "above 0", "timestep 999");
  }

  @ParameterizedTest
  @MethodSource("methods")
  void timestep_outOfRangeIsRefused(Method method) {
    INDArray x = Batches.normal(1, DataType.FLOAT, 3, 2);
    for (int t : new int[] {-2, 1000, 1005}) {
      assertRefused(() -> method.apply(x, x, 0, t, 1), "timestep", ", 999]", "was " + t);
    }
    assertThat(x).isEqualTo(Batches.normal(1, DataType.FLOAT, 3, 2));
  }

  @Test
  void timestep_ofTheCleanSampleIsRefusedWhereThereIsNoNoise() {
    INDArray x = Batches.normal(1, DataType.FLOAT, 2, 2);
    assertRefused(() -> PROCESS.epsilon(x, x, 0, -1), "[0, 999]", "was -1");
    assertRefused(() -> PROCESS.posteriorMean(x, x, 0, -1), "[0, 999]", "was -1");
    assertRefused(() -> PROCESS.posteriorVariance(-1), "[0, 999]", "was -1");
    assertRefused(() -> PROCESS.stepVariance(-1), "[0, 999]", "was -1");
    assertRefused(() -> PROCESS.posteriorVariance(1000), "[0, 999]", "was 1000");
    assertRefused(() -> PROCESS.stepVariance(1005), "[0, 999]", "was 1005");
  }

  @ParameterizedTest
  @MethodSource("methods")
  void batches_thatDoNotFitAreRefused(Method method) {
    INDArray x = Batches.normal(1, DataType.FLOAT, 3, 2);
    assertRefused(
        () -> method.apply(x, Batches.normal(1, DataType.FLOAT, 1, 2), 0, 0, 0),
        "same shape",
        "FLOAT [3, 2]",
        "FLOAT [1, 2]");
    assertRefused(
        () -> method.apply(x, Batches.normal(1, DataType.FLOAT, 3, 2, 1), 0, 0, 0),
        "same shape",
        "FLOAT [3, 2]",
        "FLOAT [3, 2, 1]");
    assertRefused(
        () -> method.apply(x, Batches.normal(1, DataType.DOUBLE, 3, 2), 0, 0, 0),
        "one floating-point type",
        "FLOAT [3, 2]",
        "DOUBLE [3, 2]");
    INDArray ints = x.castTo(DataType.INT32);
    assertRefused(
        () -> method.apply(ints, ints, 0, 0, 0), "floating-point", "INT [3, 2] and INT [3, 2]");
    INDArray scalar = Nd4j.scalar(1f);
    assertRefused(() -> method.apply(scalar, scalar, 0), "batches", "FLOAT []");
  }

  @ParameterizedTest
  @MethodSource("methods")
  void timesteps_ofAnotherNumberAreRefused(Method method) {
    INDArray x = Batches.normal(1, DataType.FLOAT, 3, 2);
    assertRefused(() -> method.apply(x, x), "one per sample, 3", "were 0");
    assertRefused(() -> method.apply(x, x, 5), "one per sample, 3", "were 1");
    assertRefused(() -> method.apply(x, x, 1, 2, 3, 4), "one per sample, 3", "were 4");
  }

  @Test
  void schedule_mustBeThere() {
    assertThatNullPointerException()
        .isThrownBy(() -> new ForwardProcess(null))
        .withMessage("schedule");
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
