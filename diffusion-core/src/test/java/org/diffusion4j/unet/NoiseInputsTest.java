package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Graphs with noise of their own, and with an output of another shape than that of a sample. */
class NoiseInputsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);
  private static final int WIDTH = 5;

  /** {@code (x + noise) w}, {@code [n, 5]} of samples {@code [n, 3]}. */
  private static SameDiffDenoiser model(long... noiseShape) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder(Graphs.SAMPLE, DataType.FLOAT, -1, 3);
    sd.placeHolder(Graphs.TIMESTEP, DataType.FLOAT, -1, 1);
    SDVariable noise = sd.placeHolder("hidden" + Graphs.NOISE, DataType.FLOAT, noiseShape);
    SDVariable w = sd.var("w", Nd4j.ones(DataType.FLOAT, 3, WIDTH));
    sd.identity(Graphs.OUTPUT, x.add(noise).mmul(w));
    return new SameDiffDenoiser(
        sd, new long[] {3}, new long[] {WIDTH}, SCHEDULE, Prediction.SAMPLE);
  }

  /** The sums of the inputs and the noise of each sample, as the loss sees them. */
  private static double[] sums(SameDiffDenoiser model, int n, Dropout step) {
    double[] sums = new double[n];
    SampleLoss loss =
        (sample, output, gradient) -> {
          assertThat(output).hasSize(WIDTH);
          sums[sample] = output[0];
          return 0;
        };
    INDArray x = Nd4j.zeros(DataType.FLOAT, n, 3);
    INDArray t = Nd4j.zeros(DataType.FLOAT, n);
    try (Gradients gradients =
        step == null
            ? model.gradients(x, t, Condition.none(), loss)
            : model.gradients(x, t, Condition.none(), loss, step)) {
      assertThat(gradients.of()).containsOnlyKeys("w");
    }
    return sums;
  }

  @Test
  void noise_isZeroOutsideOfTraining() {
    try (SameDiffDenoiser model = model(-1, 3)) {
      INDArray x = Nd4j.ones(DataType.FLOAT, 2, 3);
      INDArray output = model.predict(x, Nd4j.zeros(DataType.FLOAT, 2), Condition.none());
      assertThat(output).isEqualTo(Nd4j.valueArrayOf(new long[] {2, WIDTH}, 3f, DataType.FLOAT));
      assertThat(sums(model, 2, null)).containsOnly(0);
      assertThat(model.predictionBytes(2)).isPresent();
      assertThat(model.takes().inputs()).isEmpty();
    }
  }

  /** The samples and something of their shape. */
  private static SameDiffDenoiser plus(Function<SameDiff, SDVariable> other) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder(Graphs.SAMPLE, DataType.FLOAT, -1, 3);
    sd.placeHolder(Graphs.TIMESTEP, DataType.FLOAT, -1, 1);
    sd.identity(Graphs.OUTPUT, x.add(other.apply(sd)));
    return new SameDiffDenoiser(sd, new long[] {3}, SCHEDULE, Prediction.SAMPLE);
  }

  @Test
  void operationsThatDrawRandomNumbers_makeAModelStochastic() {
    try (SameDiffDenoiser placeholder = model(-1, 3);
        SameDiffDenoiser range = plus(sd -> sd.range(0, 3, 1, DataType.FLOAT));
        SameDiffDenoiser normal = plus(sd -> sd.random().normal(0, 1, DataType.FLOAT, 1, 3));
        SameDiffDenoiser uniform = plus(sd -> sd.random().uniform(0, 1, DataType.FLOAT, 1, 3))) {
      assertThat(placeholder.isDeterministic()).isTrue();
      assertThat(range.isDeterministic()).isTrue();
      assertThat(normal.isDeterministic()).isFalse();
      assertThat(uniform.isDeterministic()).isFalse();
    }
  }

  @Test
  void noise_isStandardNormalInTraining() {
    try (SameDiffDenoiser model = model(-1, 3)) {
      double[] sums = sums(model, 3000, new Dropout(4, 0));
      double squares = 0;
      double sum = 0;
      for (double value : sums) {
        sum += value;
        squares += value * value;
      }
      assertThat(sum / 3000).isCloseTo(0, within(0.13));
      assertThat(squares / 3000).isCloseTo(3, within(0.35));
    }
  }

  @Test
  void noise_dependsOnSeedAndSampleOnly() {
    try (SameDiffDenoiser model = model(-1, 3)) {
      double[] all = sums(model, 5, new Dropout(4, 0));
      assertThat(sums(model, 5, new Dropout(4, 0))).isEqualTo(all);
      assertThat(sums(model, 2, new Dropout(4, 3))).containsExactly(all[3], all[4]);
      assertThat(sums(model, 5, new Dropout(5, 0))).doesNotContain(all);
    }
  }

  @Test
  void architecture_hasTheShapeOfTheOutput() {
    try (SameDiffDenoiser model = model(-1, 3)) {
      Map<String, Object> json = new TreeMap<>(model.config().toJson());
      assertThat(json).containsEntry("output_shape", List.of((long) WIDTH));
      NetworkConfig.Graph read = NetworkConfig.Graph.fromJson(json, warning -> {});
      assertThat(read).isEqualTo(model.config());
      try (SameDiffDenoiser again = read.create(SCHEDULE, Prediction.SAMPLE, 0)) {
        assertThat(again.config()).isEqualTo(read);
      }
    }
  }

  @Test
  void openSizes_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> model(-1, -1))
        .withMessage(
            "hidden.noise must be a placeholder [-1, ...] of known sizes but was [-1, -1]");
  }
}
