package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.samediff.SessionMasks;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

class DropoutTest {

  private static final int BATCH = 7;
  private static final Dropout DROPOUT = new Dropout(11, 4);

  /** {@code y^2 / 2} with a weight of the sample. */
  private static final SampleLoss LOSS =
      (sample, y, dy) -> {
        double sum = 0;
        for (int k = 0; k < y.length; k++) {
          dy[k] = (1 + sample) * y[k];
          sum += 0.5 * dy[k] * y[k];
        }
        return sum;
      };

  /** With samples of more values than a mask's tile has. */
  private static UNetConfig.Builder base() {
    return UNetConfig.builder(1, 8, 20)
        .blockOutChannels(12, 16)
        .downBlocks(Block.PLAIN, Block.ATTENTION)
        .layersPerBlock(1)
        .normGroups(4)
        .attentionHeadDim(4)
        .dropout(0.3);
  }

  static Stream<Named<UNetConfig>> architectures() {
    return Stream.of(
        Named.of("bias", base().build()),
        Named.of(
            "scale and shift, residual resampling",
            base()
                .downBlocks(Block.ATTENTION, Block.PLAIN)
                .timeInjection(TimeInjection.SCALE_SHIFT)
                .downsampling(Resampling.RESNET)
                .upsampling(Resampling.RESNET)
                .midBlockScale(2)
                .build()));
  }

  private static UNet model(UNetConfig config) {
    return UNet.create(config, NoiseSchedule.linear(100), 1);
  }

  private static INDArray samples() {
    return PlanAndSession.gaussian(new Random(1), BATCH, 1, 8, 20);
  }

  private static INDArray times() {
    return PlanAndSession.times(new Random(2), BATCH).reshape(BATCH);
  }

  private static INDArray part(INDArray all, int from, int to) {
    return all.get(NDArrayIndex.interval(from, to)).dup('c');
  }

  private static Gradients gradients(UNet model, Dropout dropout) {
    return model.gradients(samples(), times(), Condition.none(), LOSS, dropout);
  }

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

  /** The outputs of samples as training sees them, taken in pieces of a size. */
  private static List<FloatBuffer> outputs(UNet model, long seed, int piece) {
    FloatBuffer[] outputs = new FloatBuffer[BATCH];
    for (int from = 0; from < BATCH; from += piece) {
      int first = from;
      int to = Math.min(BATCH, from + piece);
      SampleLoss loss =
          (sample, y, dy) -> {
            outputs[first + sample] = FloatBuffer.wrap(y.clone());
            return 0;
          };
      model
          .gradients(
              part(samples(), from, to),
              part(times(), from, to),
              Condition.none(),
              loss,
              new Dropout(seed, from))
          .close();
    }
    return List.of(outputs);
  }

  private static void close(Gradients actual, Gradients expected) {
    assertThat(actual.loss()).isCloseTo(expected.loss(), within(1e-5 * expected.loss()));
    double squares = 0;
    double norm = 0;
    for (String name : expected.of().keySet()) {
      squares += Math.pow(PlanAndSession.error(actual.of().get(name), expected.of().get(name)), 2);
      norm += Math.pow(PlanAndSession.norm(expected.of().get(name)), 2);
    }
    assertThat(Math.sqrt(squares / norm)).isLessThan(1e-5);
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void gradients_withDropout_areThoseOfTheSession(UNetConfig config) {
    try (UNet plan = model(config);
        UNet session = PlanAndSession.inSession(() -> model(config));
        Gradients actual = gradients(plan, DROPOUT);
        Gradients expected = gradients(session, DROPOUT)) {
      assertThat(plan.gradientBytes(1)).isPresent();
      assertThat(session.gradientBytes(1)).isEmpty();
      close(actual, expected);
    }
  }

  @Test
  void gradients_withoutDropoutOfAModelThatHasIt_areThoseOfOneThatHasNot() {
    UNetConfig config = base().build();
    try (UNet with = model(config);
        UNet session = PlanAndSession.inSession(() -> model(config));
        UNet without = model(base().dropout(0).build())) {
      Map<String, FloatBuffer> expected = copy(gradients(without, DROPOUT));
      assertThat(copy(with.gradients(samples(), times(), Condition.none(), LOSS)))
          .isEqualTo(expected);
      assertThat(copy(without.gradients(samples(), times(), Condition.none(), LOSS)))
          .isEqualTo(expected);
      try (Gradients ofPlan = gradients(without, DROPOUT);
          Gradients ofSession = session.gradients(samples(), times(), Condition.none(), LOSS)) {
        close(ofSession, ofPlan);
      }
    }
  }

  @Test
  void predict_ofAModelWithDropout_dropsNothing() {
    UNetConfig config = base().build();
    try (UNet with = model(config);
        UNet without = model(base().dropout(0).build())) {
      INDArray expected = without.predict(samples(), times(), Condition.none());
      gradients(with, DROPOUT).close();
      assertThat(with.predict(samples(), times(), Condition.none())).isEqualTo(expected);
      assertThat(with.predictionBytes(5)).isEqualTo(without.predictionBytes(5));
      try (UNet session = PlanAndSession.inSession(() -> model(config));
          UNet plain = PlanAndSession.inSession(() -> model(base().dropout(0).build()))) {
        assertThat(session.predict(samples(), times(), Condition.none()))
            .isEqualTo(plain.predict(samples(), times(), Condition.none()));
      }
    }
  }

  @Test
  void masks_ofABatchInPieces_areThoseOfTheWhole() {
    try (UNet model = model(base().build())) {
      List<FloatBuffer> whole = outputs(model, 5, BATCH);
      for (int piece : new int[] {1, 3, 4}) {
        assertThat(outputs(model, 5, piece)).as("pieces of %s", piece).isEqualTo(whole);
      }
      assertThat(outputs(model, 6, BATCH)).doesNotContainAnyElementsOf(whole);
    }
  }

  @Test
  void gradients_withDropout_areAFunctionOfTheSeed() {
    try (UNet model = model(base().build())) {
      Map<String, FloatBuffer> first = copy(gradients(model, DROPOUT));
      Map<String, FloatBuffer> other = copy(gradients(model, new Dropout(12, 4)));
      assertThat(copy(gradients(model, DROPOUT))).isEqualTo(first);
      assertThat(other.get("conv_in.weight")).isNotEqualTo(first.get("conv_in.weight"));
    }
  }

  @Test
  void gradientBytes_ofAModelWithDropout_areThoseOfOneWithout() {
    try (UNet with = model(base().build());
        UNet without = model(base().dropout(0).build())) {
      assertThat(with.gradientBytes(16).orElseThrow())
          .isLessThanOrEqualTo(without.gradientBytes(16).orElseThrow() * 101 / 100);
    }
  }

  /** The loss with fixed masks, in double precision throughout. */
  private static double meanSquaredError(
      SameDiff graph, Map<String, INDArray> inputs, double dropout, INDArray target) {
    List<String> layers =
        graph.variables().stream()
            .filter(variable -> variable.isPlaceHolder())
            .map(SDVariable::name)
            .filter(name -> name.endsWith(Graphs.DROPOUT))
            .toList();
    DropoutMasks drop = new DropoutMasks(DROPOUT.seed(), DROPOUT.firstSample(), dropout);
    try (SessionMasks masks = new SessionMasks(graph, layers, drop, target.size(0))) {
      Map<String, INDArray> all = new LinkedHashMap<>(inputs);
      all.putAll(masks.arrays());
      return graph.outputSingle(all, Graphs.OUTPUT).squaredDistance(target) / target.length();
    }
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void gradients_withFixedMasks_areThoseOfFiniteDifferences(UNetConfig config) {
    SameDiff graph = UNetGraph.build(config, new Layers(7, DataType.DOUBLE));
    Random random = new Random(3);
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, part(samples(), 0, 2).castTo(DataType.DOUBLE));
    inputs.put(Graphs.TIMESTEP, part(times(), 0, 2).reshape(2, 1).castTo(DataType.DOUBLE));
    INDArray target = part(samples(), 2, 4).castTo(DataType.DOUBLE);
    SampleLoss error = SampleLoss.meanSquaredError(target);
    List<String> names = new ArrayList<>();
    for (SDVariable variable : graph.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        names.add(variable.name());
      }
    }
    DropoutMasks masks = new DropoutMasks(DROPOUT.seed(), DROPOUT.firstSample(), config.dropout());
    double step = 1e-5;
    try (GraphRunner runner = new GraphRunner(graph, config.dropout());
        Gradients gradients =
            new Gradients(runner.gradients(inputs, target.shape(), error, masks, names))) {
      double analytic = 0;
      Map<INDArray, INDArray> direction = new IdentityHashMap<>();
      for (String name : names) {
        INDArray weight = graph.getVariable(name).getArr();
        INDArray along =
            PlanAndSession.gaussian(random, weight.shape()).castTo(DataType.DOUBLE).muli(0.1);
        analytic += gradients.of().get(name).mul(along).sumNumber().doubleValue();
        direction.put(weight, along.muli(step));
      }
      double[] losses = new double[2];
      for (int i = 0; i < 2; i++) {
        int sign = 1 - 2 * i;
        direction.forEach((weight, along) -> weight.addi(along.mul(sign * (sign > 0 ? 1 : 2))));
        losses[i] = meanSquaredError(graph, inputs, config.dropout(), target);
      }
      double difference = (losses[0] - losses[1]) / (2 * step);
      assertThat(analytic).isCloseTo(difference, within(1e-6 * Math.abs(difference)));
    }
  }

  @Test
  void dropout_ofANegativeSample_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Dropout(1, -1))
        .withMessage("first sample must not be negative but was -1");
  }
}
