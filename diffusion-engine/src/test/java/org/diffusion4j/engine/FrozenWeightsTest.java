package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.GraphExecutor;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.MemoryLedger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.factory.Nd4j;

class FrozenWeightsTest {

  private static final int CHANNELS = 12;
  private static final int SIZE = 5;
  private static final int WIDTH = 7;

  private static final Map<String, long[]> SHAPES = shapes();

  private static Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("conv", new long[] {3, 3, CHANNELS, CHANNELS});
    shapes.put("conv_bias", new long[] {CHANNELS});
    shapes.put("pointwise", new long[] {CHANNELS, CHANNELS});
    shapes.put("dense", new long[] {CHANNELS * SIZE * SIZE, WIDTH});
    shapes.put("dense_bias", new long[] {WIDTH});
    shapes.put("gain", new long[] {WIDTH});
    shapes.put("bias", new long[] {WIDTH});
    shapes.put("square", new long[] {WIDTH, WIDTH});
    return shapes;
  }

  /** Values of 16 bits, some of them subnormal as such; without a type, those of floats. */
  private static Map<String, INDArray> weights(DataType type) {
    Random random = new Random(3);
    Map<String, INDArray> weights = new LinkedHashMap<>();
    SHAPES.forEach(
        (name, shape) -> {
          INDArray array = Nd4j.create(DataType.FLOAT, shape);
          for (long i = 0; i < array.length(); i++) {
            double scale = random.nextInt(8) == 0 ? 1e-6 : 0.2;
            array.putScalar(i, i % 11 == 0 ? 0 : scale * random.nextGaussian());
          }
          weights.put(
              name, type == DataType.FLOAT ? array : array.castTo(type).castTo(DataType.FLOAT));
        });
    return weights;
  }

  private static SDVariable weight(SameDiff sd, String name, Map<String, INDArray> owned) {
    if (!owned.isEmpty()) {
      return sd.var(name, owned.get(name).dup());
    }
    SDVariable variable =
        new SDVariable(name, VariableType.VARIABLE, sd, SHAPES.get(name), DataType.FLOAT);
    return sd.addVariable(variable);
  }

  /**
   * @param owned the arrays of the graph's variables, or none
   */
  private static SameDiff graph(Map<String, INDArray> owned) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, CHANNELS, SIZE, SIZE);
    SDVariable y =
        sd.cnn().conv2d(x, weight(sd, "conv", owned), weight(sd, "conv_bias", owned), kernel(3, 1));
    SDVariable kernel = sd.reshape(weight(sd, "pointwise", owned), 1, 1, CHANNELS, CHANNELS);
    y = sd.nn().swish(y);
    y = sd.cnn().conv2d(y, kernel, sd.getVariable("conv_bias"), kernel(1, 0));
    y = sd.reshape(y, -1, CHANNELS * SIZE * SIZE);
    y = y.mmul(weight(sd, "dense", owned)).add(weight(sd, "dense_bias", owned));
    y = sd.nn().layerNorm(y, weight(sd, "gain", owned), weight(sd, "bias", owned), false, 1);
    SDVariable square = weight(sd, "square", owned);
    y = sd.mmul(y.mmul(square), square, false, true, false);
    sd.identity("y", sd.math().sin(y.mul(sd.constant(3f))));
    return sd;
  }

  private static Conv2DConfig kernel(int size, int padding) {
    return Conv2DConfig.builder()
        .kH(size)
        .kW(size)
        .pH(padding)
        .pW(padding)
        .paddingMode(PaddingMode.VALID)
        .dataFormat("NCHW")
        .weightsFormat(WeightsFormat.YXIO)
        .build();
  }

  private static PlannedGraph frozen(MemorySource source, long available) {
    SameDiff graph = graph(Map.of());
    return PlannedGraph.frozen(
            new Source(graph, () -> graph, List.of()),
            source,
            new MemoryLedger(() -> available),
            Workers.shared())
        .orElseThrow();
  }

  private static float[] outputs(GraphExecutor plan, int batch) {
    Random random = new Random(batch);
    float[] values = new float[batch * CHANNELS * SIZE * SIZE];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    long[] shape = {batch, WIDTH};
    try (INDArray x = Nd4j.create(values, new long[] {batch, CHANNELS, SIZE, SIZE}, 'c');
        INDArray y = plan.outputs(Map.of("x", x), Map.of("y", shape), Precision.FLOAT32).get("y")) {
      return y.data().asFloat();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "HALF", "BFLOAT16"})
  void outputs_equalThoseOfTheGraphWithItsOwnArrays(DataType type) {
    Map<String, INDArray> weights = weights(type);
    SameDiff own = graph(weights);
    MemorySource source = new MemorySource(weights, type);
    try (PlannedGraph expected = PlannedGraph.of(own, () -> own).orElseThrow();
        PlannedGraph actual = frozen(source, Long.MAX_VALUE)) {
      for (int batch = 1; batch < 6; batch++) {
        assertThat(outputs(actual, batch)).isEqualTo(outputs(expected, batch));
      }
    }
    assertThat(source.reads.keySet()).isEqualTo(SHAPES.keySet());
    assertThat(source.closed).isTrue();
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "HALF", "BFLOAT16"})
  void heldBytes_areThoseThatWerePredicted(DataType type) {
    long[] x = {4, CHANNELS, SIZE, SIZE};
    long[] y = {4, WIDTH};
    PlannedGraph plan = frozen(new MemorySource(weights(type), type), Long.MAX_VALUE);
    long predicted = plan.bytes(Map.of("x", x), Map.of("y", y), List.of()).orElseThrow();
    assertThat(plan.heldBytes()).isZero();
    outputs(plan, 4);
    assertThat(plan.heldBytes()).isEqualTo(predicted);
    outputs(plan, 4);
    assertThat(plan.heldBytes()).isEqualTo(predicted);
    plan.close();
    assertThat(plan.heldBytes()).isZero();
  }

  @Test
  void releaseIdle_leavesTheWeights() {
    MemorySource source = new MemorySource(weights(DataType.HALF), DataType.HALF);
    try (PlannedGraph plan = frozen(source, Long.MAX_VALUE)) {
      float[] first = outputs(plan, 2);
      long held = plan.heldBytes();
      plan.releaseIdle();
      long values =
          SHAPES.values().stream()
              .mapToLong(shape -> Nd4j.createUninitialized(shape).length())
              .sum();
      assertThat(plan.heldBytes()).isBetween(2 * values, held - 1);
      assertThat(outputs(plan, 2)).isEqualTo(first);
      assertThat(plan.heldBytes()).isEqualTo(held);
    }
    assertThat(source.reads).allSatisfy((name, reads) -> assertThat(reads).isEqualTo(1));
  }

  @Test
  void weights_areReadOnceForAllBatchSizes() {
    MemorySource source = new MemorySource(weights(DataType.FLOAT16), DataType.FLOAT16);
    try (PlannedGraph plan = frozen(source, Long.MAX_VALUE)) {
      for (int batch = 1; batch < 6; batch++) {
        outputs(plan, batch);
      }
    }
    assertThat(source.reads).allSatisfy((name, reads) -> assertThat(reads).isEqualTo(1));
  }

  @Test
  void outputs_ofManyThreads_areEqual() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try (PlannedGraph plan =
        frozen(new MemorySource(weights(DataType.FLOAT16), DataType.FLOAT16), Long.MAX_VALUE)) {
      Callable<float[]> call = () -> outputs(plan, 3);
      List<float[]> all = new ArrayList<>();
      for (Future<float[]> result : threads.invokeAll(Collections.nCopies(16, call))) {
        all.add(result.get());
      }
      assertThat(all).allSatisfy(values -> assertThat(values).isEqualTo(all.get(0)));
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void outputs_withTooLittleMemoryForTheWeights_areRefused() {
    MemorySource source = new MemorySource(weights(DataType.FLOAT), DataType.FLOAT);
    try (PlannedGraph plan = frozen(source, 1000)) {
      assertThatThrownBy(() -> outputs(plan, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("memory for a batch of 1 must be at least");
    }
    assertThat(source.reads).isEmpty();
  }

  @Test
  void outputs_ofWeightsThatAreNotFinite_areRefused() {
    Map<String, INDArray> weights = weights(DataType.FLOAT16);
    weights.get("dense").putScalar(5, Float.POSITIVE_INFINITY);
    MemorySource source = new MemorySource(weights, DataType.FLOAT16);
    try (PlannedGraph plan = frozen(source, Long.MAX_VALUE)) {
      assertThatThrownBy(() -> outputs(plan, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("weights must be finite but dense is not");
    }
  }
}
