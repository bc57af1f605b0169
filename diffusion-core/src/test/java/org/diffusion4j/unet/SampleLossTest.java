package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Gradients of losses that are calculated from the outputs, on plans and in SameDiff's session. */
class SampleLossTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);

  /** {@code w (y^4/4 + k y)}, with a weight of the sample and a slope of the value's index. */
  private static final SampleLoss WEIGHTED =
      (sample, y, dy) -> {
        double weight = 0.01 * (1 + sample);
        double sum = 0;
        for (int k = 0; k < y.length; k++) {
          sum += weight * (Math.pow(y[k], 4) / 4 + k * 0.1 * y[k]);
          dy[k] = (float) (weight * (Math.pow(y[k], 3) + k * 0.1));
        }
        return sum;
      };

  private static UNetConfig unet() {
    return Architectures.tiny().downBlocks(Block.PLAIN, Block.ATTENTION).build();
  }

  static Stream<Named<Supplier<SameDiffDenoiser>>> models() {
    Map<String, Supplier<SameDiffDenoiser>> all = new HashMap<>();
    all.put("U-Net", () -> UNet.create(unet(), SCHEDULE, 1));
    all.put(
        "U-Net with a variance",
        () -> UNet.create(Architectures.tiny().outChannels(2).build(), SCHEDULE, 1));
    all.put("MLP", () -> Mlp.create(new Mlp.Config(5, 24, 2), SCHEDULE, 1));
    all.put("everything", own("everything"));
    all.put("samples that are not independent", own("products of samples"));
    all.put(
        "output in C order",
        () ->
            new SameDiffDenoiser(
                OwnGraphs.images().get("convolution with channels last").get(),
                new long[] {2, 6, 4},
                SCHEDULE,
                Prediction.SAMPLE));
    return all.entrySet().stream().map(e -> Named.of(e.getKey(), e.getValue()));
  }

  /** On a plan and, if it is small, in a session, which is slow to differentiate a U-Net. */
  private static List<SameDiffDenoiser> models(Supplier<SameDiffDenoiser> make) {
    SameDiffDenoiser plan = make.get();
    return plan instanceof UNet ? List.of(plan) : List.of(plan, PlanAndSession.inSession(make));
  }

  private static Supplier<SameDiffDenoiser> own(String name) {
    return () ->
        new SameDiffDenoiser(
            OwnGraphs.vectors().get(name).get(), new long[] {6}, SCHEDULE, Prediction.SAMPLE);
  }

  private static INDArray samples(SameDiffDenoiser model, int n) {
    return PlanAndSession.gaussian(new Random(n), shape(n, model.sampleShape()));
  }

  private static long[] shape(int n, long[] one) {
    long[] shape = new long[one.length + 1];
    shape[0] = n;
    System.arraycopy(one, 0, shape, 1, one.length);
    return shape;
  }

  private static Gradients gradients(SameDiffDenoiser model, int n, SampleLoss loss) {
    INDArray t = PlanAndSession.times(new Random(n), n).reshape(n);
    return model.gradients(samples(model, n), t, Condition.none(), loss);
  }

  private static double distance(Gradients actual, Gradients expected) {
    assertThat(actual.of()).containsOnlyKeys(expected.of().keySet());
    double squares = 0;
    double norm = 0;
    for (String name : expected.of().keySet()) {
      INDArray array = expected.of().get(name);
      assertThat(actual.of().get(name).shape()).isEqualTo(array.shape());
      squares += Math.pow(PlanAndSession.error(actual.of().get(name), array), 2);
      norm += Math.pow(PlanAndSession.norm(array), 2);
    }
    assertThat(norm).isPositive();
    return Math.sqrt(squares / norm);
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradients_ofAWeightedLoss_areThoseOfTheSession(Supplier<SameDiffDenoiser> make) {
    try (SameDiffDenoiser plan = make.get();
        SameDiffDenoiser session = PlanAndSession.inSession(make)) {
      assertThat(plan.gradientBytes(1)).isPresent();
      assertThat(session.gradientBytes(1)).isEmpty();
      for (int n = 1; n <= 9; n++) {
        try (Gradients actual = gradients(plan, n, WEIGHTED);
            Gradients expected = gradients(session, n, WEIGHTED)) {
          assertThat(actual.loss())
              .as("loss of %s", n)
              .isCloseTo(expected.loss(), within(1e-5 * Math.abs(expected.loss())));
          assertThat(distance(actual, expected)).as("gradients of %s", n).isLessThan(1e-5);
        }
      }
      assertThat(plan.gradientBytes(1)).isPresent();
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradients_ofTheSquaredError_areThoseToTheTarget(Supplier<SameDiffDenoiser> make) {
    for (SameDiffDenoiser model : models(make)) {
      INDArray target = PlanAndSession.gaussian(new Random(5), shape(3, model.outputShape()));
      float[] aims = target.data().asFloat();
      SampleLoss squares =
          (sample, y, dy) -> {
            double sum = 0;
            for (int k = 0; k < y.length; k++) {
              double error = y[k] - aims[sample * y.length + k];
              sum += error * error / aims.length;
              dy[k] = (float) (2 * error / aims.length);
            }
            return sum;
          };
      INDArray t = PlanAndSession.times(new Random(3), 3).reshape(3);
      try (model;
          Gradients actual = gradients(model, 3, squares);
          Gradients expected = model.gradients(samples(model, 3), t, Condition.none(), target)) {
        assertThat(actual.loss()).isCloseTo(expected.loss(), within(1e-6 * expected.loss()));
        assertThat(distance(actual, expected)).isLessThan(1e-6);
      }
    }
  }

  @Test
  void gradients_ofOutputsThatAreTheWeightTimesTheSample_areThoseByHand() {
    try (SameDiffDenoiser model = own("weights times weights").get()) {
      // y = x + w w + w, so that the loss has the derivative sum dy (2 w + 1).
      SampleLoss loss =
          (sample, y, dy) -> {
            for (int k = 0; k < y.length; k++) {
              dy[k] = (sample + 1) * (k + 1);
            }
            return sample + 1;
          };
      float[] w = model.parameters().get("w").data().asFloat();
      try (Gradients gradients = gradients(model, 4, loss)) {
        assertThat(gradients.loss()).isEqualTo(1 + 2 + 3 + 4);
        float[] actual = gradients.of().get("w").data().asFloat();
        for (int k = 0; k < w.length; k++) {
          assertThat(actual[k]).isCloseTo(10 * (k + 1) * (2 * w[k] + 1), within(1e-4f));
        }
      }
    }
  }

  @Test
  void losses_areThoseOfTheSamples_andAddUpToTheLoss() {
    Supplier<SameDiffDenoiser> make = () -> Mlp.create(new Mlp.Config(5, 24, 2), SCHEDULE, 1);
    for (SameDiffDenoiser model : models(make)) {
      double[] expected = new double[7];
      SampleLoss loss =
          (sample, y, dy) -> {
            expected[sample] = WEIGHTED.of(sample, y, dy);
            return expected[sample];
          };
      try (model;
          Gradients gradients = gradients(model, 7, loss)) {
        assertThat(gradients.losses()).containsExactly(expected);
        assertThat(gradients.loss()).isCloseTo(Arrays.stream(expected).sum(), within(1e-12));
        gradients.losses()[0] = Double.NaN;
        assertThat(gradients.losses()).containsExactly(expected);
      }
    }
  }

  @Test
  void loss_isAskedOnceAboutEachSample_withWhatIsPredicted() {
    try (UNet model = UNet.create(unet(), SCHEDULE, 1)) {
      for (int n : new int[] {1, 5}) {
        INDArray x = samples(model, n);
        INDArray t = PlanAndSession.times(new Random(n), n).reshape(n);
        float[][] outputs = new float[n][];
        SampleLoss loss =
            (sample, y, dy) -> {
              assertThat(outputs[sample]).isNull();
              outputs[sample] = y.clone();
              return 0;
            };
        INDArray expected = model.predict(x, t, Condition.none());
        model.gradients(x, t, Condition.none(), loss).close();
        for (int i = 0; i < n; i++) {
          assertThat(outputs[i]).isEqualTo(expected.slice(i).dup('c').data().asFloat());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void gradients_ofALossThatThrows_throwAndLeaveTheModelAsItWas(Supplier<SameDiffDenoiser> make) {
    for (SameDiffDenoiser model : models(make)) {
      try (model) {
        Map<String, FloatBuffer> expected = copy(gradients(model, 5, WEIGHTED));
        IllegalStateException reason = new IllegalStateException("for a test");
        for (int bad : new int[] {0, 4, 2}) {
          SampleLoss loss =
              (sample, y, dy) -> {
                if (sample == bad) {
                  throw reason;
                }
                return WEIGHTED.of(sample, y, dy);
              };
          assertThatThrownBy(() -> gradients(model, 5, loss)).isSameAs(reason);
          assertThat(copy(gradients(model, 5, WEIGHTED))).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void gradients_byFourThreads_areTheBitsOfOne() throws Exception {
    try (UNet model = UNet.create(unet(), SCHEDULE, 1)) {
      List<Map<String, FloatBuffer>> expected = new ArrayList<>();
      for (int n = 1; n <= 4; n++) {
        expected.add(copy(gradients(model, n, WEIGHTED)));
      }
      ExecutorService pool = Executors.newFixedThreadPool(4);
      try {
        List<Future<?>> all = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
          int first = thread;
          all.add(
              pool.submit(
                  () -> {
                    for (int round = 0; round < 8; round++) {
                      int n = 1 + (first + round) % 4;
                      assertThat(copy(gradients(model, n, WEIGHTED)))
                          .isEqualTo(expected.get(n - 1));
                    }
                  }));
        }
        for (Future<?> one : all) {
          one.get();
        }
      } finally {
        pool.shutdownNow();
      }
    }
  }

  /** The loss and the gradients by name. */
  private static Map<String, FloatBuffer> copy(Gradients gradients) {
    try (gradients) {
      Map<String, FloatBuffer> copy = new HashMap<>();
      copy.put("loss", FloatBuffer.wrap(new float[] {(float) gradients.loss()}));
      gradients
          .of()
          .forEach(
              (name, array) -> copy.put(name, FloatBuffer.wrap(array.dup('c').data().asFloat())));
      return copy;
    }
  }
}
