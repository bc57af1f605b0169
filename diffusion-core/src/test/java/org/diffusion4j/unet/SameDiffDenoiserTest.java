package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;

class SameDiffDenoiserTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);

  private static UNet unet(int seed) {
    return UNet.create(Architectures.tiny().build(), SCHEDULE, seed);
  }

  private static INDArray gaussian(long seed, long... shape) {
    Random random = new Random(seed);
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Nd4j.create(values, shape, 'c');
  }

  private static INDArray floats(DataType type, long... shape) {
    return Nd4j.zeros(type, shape);
  }

  /** {@code output = w sample + timestep}, all in two features. */
  private static SameDiff line() {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("sample", DataType.FLOAT, -1, 2);
    SDVariable t = graph.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable w = graph.var("w", Nd4j.createFromArray(2f, 0f, 0f, 3f).reshape(2, 2));
    graph.identity("output", x.mmul(w).add(t));
    return graph;
  }

  private static SameDiffDenoiser denoiser(SameDiff graph) {
    return new SameDiffDenoiser(graph, new long[] {2}, SCHEDULE, Prediction.SAMPLE);
  }

  @Test
  void predict_byAGraphOfOnesOwn_isItsFunction() {
    try (SameDiffDenoiser model = denoiser(line())) {
      INDArray y =
          model.predict(
              Nd4j.createFromArray(1f, 2f, -1f, 0.5f).reshape(2, 2),
              Nd4j.createFromArray(10f, 20f),
              Condition.none());
      assertThat(y.dup('c').data().asFloat()).containsExactly(12, 16, 18, 21.5f);
      assertThat(model.sampleShape()).containsExactly(2);
      assertThat(model.prediction()).isEqualTo(Prediction.SAMPLE);
      assertThat(model.schedule()).isSameAs(SCHEDULE);
      assertThat(model.classes()).isZero();
      assertThat(model.parameterCount()).isEqualTo(4);
      assertThat(model.parameters()).containsOnlyKeys("w");
    }
  }

  @Test
  void gradients_byAGraphOfOnesOwn_areThoseByHand() {
    try (SameDiffDenoiser model = denoiser(line());
        Gradients gradients =
            model.gradients(
                Nd4j.createFromArray(1f, 2f).reshape(1, 2),
                Nd4j.createFromArray(0f),
                Condition.none(),
                Nd4j.createFromArray(0f, 8f).reshape(1, 2))) {
      // Errors 2 and -2 of two values: the loss is 4, its derivative by the output the error.
      assertThat(gradients.loss()).isEqualTo(4);
      assertThat(gradients.of().get("w").dup('c').data().asFloat()).containsExactly(2, -2, 4, -4);
    }
  }

  @Test
  void train_aGraphOfOnesOwn_changesItsPredictions() {
    try (SameDiffDenoiser model = denoiser(line());
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(0.1)).build()) {
      DataSet data = new DataSet(gaussian(1, 8, 2), floats(DataType.FLOAT, 8, 1));
      INDArray before = model.parameters().get("w").dup();
      trainer.train(new ViewIterator(data, 4), 3);
      assertThat(model.parameters().get("w")).isNotEqualTo(before);
      assertThat(
              model
                  .predict(
                      Nd4j.eye(2).castTo(DataType.FLOAT),
                      floats(DataType.FLOAT, 2),
                      Condition.none())
                  .distance2(model.parameters().get("w")))
          .isLessThan(1e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sample", "timestep", "output"})
  void new_ofAGraphWithout_namesWhatIsMissing(String missing) {
    SameDiff graph = SameDiff.create();
    for (String name : List.of("sample", "timestep", "output")) {
      if (!name.equals(missing)) {
        graph.placeHolder(name, DataType.FLOAT, -1, 2);
      }
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> denoiser(graph))
        .withMessageStartingWith("graph must have a variable named " + missing + " but has [");
  }

  static Stream<Arguments> badInputs() {
    INDArray x = floats(DataType.FLOAT, 2, 1, 8, 8);
    INDArray t = floats(DataType.FLOAT, 2);
    String samples = "samples must be FLOAT [n, 1, 8, 8] but were ";
    String times = "timesteps must be FLOAT [2] but were ";
    return Stream.of(
        Arguments.of(floats(DataType.FLOAT, 2, 1, 8, 4), t, samples + "FLOAT [2, 1, 8, 4]"),
        Arguments.of(floats(DataType.FLOAT, 2, 64), t, samples + "FLOAT [2, 64]"),
        Arguments.of(floats(DataType.FLOAT, 1, 8, 8), t, samples + "FLOAT [1, 8, 8]"),
        Arguments.of(floats(DataType.DOUBLE, 2, 1, 8, 8), t, samples + "DOUBLE [2, 1, 8, 8]"),
        Arguments.of(Nd4j.empty(DataType.FLOAT), t, samples + "FLOAT []"),
        Arguments.of(
            Nd4j.create(DataType.FLOAT, 0, 1, 8, 8),
            Nd4j.create(DataType.FLOAT, 0),
            samples + "FLOAT [0, 1, 8, 8]"),
        Arguments.of(x, Nd4j.createFromArray(3f, -1f), "timestep must be in [0, 99] but was -1.0"),
        Arguments.of(
            x, Nd4j.createFromArray(100f, 3f), "timestep must be in [0, 99] but was 100.0"),
        Arguments.of(
            x, Nd4j.createFromArray(Float.NaN, 3f), "timestep must be in [0, 99] but was NaN"),
        Arguments.of(x, floats(DataType.FLOAT, 2, 1), times + "FLOAT [2, 1]"),
        Arguments.of(x, floats(DataType.FLOAT, 3), times + "FLOAT [3]"),
        Arguments.of(x, floats(DataType.INT64, 2), times + "LONG [2]"),
        Arguments.of(x, Nd4j.scalar(1f), times + "FLOAT []"));
  }

  @Test
  void predict_ofWrongArrays_namesThem() {
    try (UNet model = unet(1)) {
      badInputs()
          .map(Arguments::get)
          .forEach(
              a ->
                  assertThatIllegalArgumentException()
                      .isThrownBy(
                          () -> model.predict((INDArray) a[0], (INDArray) a[1], Condition.none()))
                      .withMessage((String) a[2]));
    }
  }

  @Test
  void predict_withAConditionThatDoesNotFit_saysSo() {
    INDArray x = floats(DataType.FLOAT, 2, 1, 8, 8);
    INDArray t = floats(DataType.FLOAT, 2);
    try (UNet plain = unet(1);
        UNet conditional = UNet.create(Architectures.tiny().classes(3).build(), SCHEDULE, 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> plain.predict(x, t, Condition.labels(0, 1)))
          .withMessageStartingWith("condition must be none for an unconditional model")
          .withMessageContaining("[0, 1]");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> conditional.predict(x, t, Condition.none()))
          .withMessage("condition must have a label per sample for a class-conditional model");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> conditional.predict(x, t, Condition.labels(0, 3)))
          .withMessage("label must be in [0, 2] but was 3");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> conditional.predict(x, t, Condition.labels(0)))
          .withMessage("condition must have one label per sample, 2, but has 1");
    }
  }

  @Test
  void gradients_ofWrongTargetsOrNames_saysSo() {
    INDArray x = floats(DataType.FLOAT, 2, 1, 8, 8);
    INDArray t = floats(DataType.FLOAT, 2);
    try (UNet model = unet(1)) {
      for (INDArray target :
          List.of(
              floats(DataType.FLOAT, 1, 1, 8, 8),
              floats(DataType.FLOAT, 2, 1, 1, 8),
              floats(DataType.FLOAT, 2, 1, 4, 8),
              floats(DataType.DOUBLE, 2, 1, 8, 8),
              floats(DataType.FLOAT, 2, 64))) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> model.gradients(x, t, Condition.none(), target))
            .withMessage(
                "target must be FLOAT [2, 1, 8, 8] but was %s %s",
                target.dataType(), Arrays.toString(target.shape()));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> model.gradients(x, t, Condition.none(), x, List.of("conv_in.weight", "w")))
          .withMessage("no weight is named w");
    }
  }

  @Test
  void use_afterClose_isRefused() {
    UNet model = unet(1);
    model.close();
    model.close();
    INDArray x = floats(DataType.FLOAT, 2, 1, 8, 8);
    INDArray t = floats(DataType.FLOAT, 2);
    assertThatIllegalStateException()
        .isThrownBy(() -> model.predict(x, t, Condition.none()))
        .withMessage("the model is closed");
    assertThatIllegalStateException()
        .isThrownBy(() -> model.gradients(x, t, Condition.none(), x))
        .withMessage("the model is closed");
  }

  @Test
  void predict_repeatedly_keepsInputsAndGivesFreshArrays() {
    try (UNet model = unet(1)) {
      INDArray x = gaussian(1, 2, 1, 8, 8);
      INDArray t = Nd4j.createFromArray(3f, 70f);
      INDArray first = model.predict(x, t, Condition.none());
      INDArray copy = first.dup();
      INDArray second = model.predict(gaussian(2, 2, 1, 8, 8), t, Condition.none());
      assertThat(second).isNotSameAs(first).isNotEqualTo(copy);
      second.assign(0);
      second.close();
      INDArray third = model.predict(x, t, Condition.none());
      assertThat(first).isEqualTo(copy);
      assertThat(third).isEqualTo(copy);
      assertThat(x).isEqualTo(gaussian(1, 2, 1, 8, 8));
      assertThat(t.data().asFloat()).containsExactly(3, 70);
    }
  }

  @Test
  void predict_ofAViewInColumnOrder_isThatOfItsCopy() {
    try (UNet model = unet(1)) {
      INDArray all = gaussian(1, 4, 1, 8, 8);
      INDArray t = Nd4j.createFromArray(3f, 70f, 5f, 8f);
      INDArray expected = model.predict(all, t, Condition.none());
      assertThat(model.predict(all.dup('f'), t, Condition.none()).distance2(expected))
          .isLessThan(1e-4);
    }
  }

  @Test
  void predict_byTwoThreads_givesWhatOneGets() throws Exception {
    try (UNet model = unet(1)) {
      List<INDArray> expected = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        expected.add(model.predict(gaussian(i, 1 + i, 1, 8, 8), times(1 + i), Condition.none()));
      }
      ExecutorService pool = Executors.newFixedThreadPool(2);
      List<Future<?>> futures = new ArrayList<>();
      for (int thread = 0; thread < 2; thread++) {
        int shift = thread;
        Callable<Void> work =
            () -> {
              for (int round = 0; round < 8; round++) {
                int i = (round + shift) % 4;
                INDArray y =
                    model.predict(gaussian(i, 1 + i, 1, 8, 8), times(1 + i), Condition.none());
                assertThat(y).isEqualTo(expected.get(i));
              }
              return null;
            };
        futures.add(pool.submit(work));
      }
      pool.shutdown();
      for (Future<?> future : futures) {
        future.get();
      }
    }
  }

  /**
   * An output is 4 MB: were one of each pair of calls kept, 140 MB would be missing. What SameDiff
   * leaves to the garbage collector is given to it first.
   */
  @Test
  void predict_oftenAndClosed_keepsNativeMemory() throws InterruptedException {
    try (Mlp model = Mlp.create(new Mlp.Config(16_384, 2, 1), SCHEDULE, 1)) {
      INDArray x = gaussian(1, 64, 16_384);
      INDArray t = times(64);
      callAndClose(model, x, t, 15);
      System.gc();
      long before = Pointer.physicalBytes();
      callAndClose(model, x, t, 35);
      long growth = Long.MAX_VALUE;
      for (int i = 0; i < 20 && growth > 90L << 20; i++) {
        System.gc();
        Thread.sleep(100);
        growth = Pointer.physicalBytes() - before;
      }
      assertThat(growth).isLessThan(90L << 20);
    }
  }

  private static void callAndClose(SameDiffDenoiser model, INDArray x, INDArray t, int times) {
    for (int i = 0; i < times; i++) {
      model.predict(x, t, Condition.none()).close();
      model.gradients(x, t, Condition.none(), x).close();
    }
  }

  private static INDArray times(int n) {
    float[] times = new float[n];
    for (int i = 0; i < n; i++) {
      times[i] = 7 * i % 100;
    }
    return Nd4j.createFromArray(times);
  }

  @Test
  void predict_afterWritingAWeight_usesIt() {
    try (SameDiffDenoiser model = denoiser(line())) {
      model.weights().get("w").assign(0);
      INDArray y = model.predict(gaussian(1, 1, 2), Nd4j.createFromArray(4f), Condition.none());
      assertThat((double) y.getFloat(0, 1)).isCloseTo(4, within(1e-6));
    }
  }
}
