package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.engine.PlanOrSession.compare;
import static org.diffusion4j.engine.PlanOrSession.gaussian;
import static org.diffusion4j.engine.PlanOrSession.plan;
import static org.diffusion4j.engine.PlanOrSession.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.graph.LossGradients;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Graphs with inputs of any name, number and type, and with several results. */
class PlanInputsTest {

  private static final int ROWS = 7;
  private static final int TOKENS = 4;
  private static final int WIDTH = 3;
  private static final int FEATURES = 5;

  private static INDArray tokens(DataType type, int n) {
    Random random = new Random(n);
    int[] values = new int[n * TOKENS];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(ROWS);
    }
    return Nd4j.createFromArray(values).reshape(n, TOKENS).castTo(type);
  }

  /** A table's rows by tokens, their mean, and a dense layer of it. */
  private static SameDiff textEncoder(DataType type) {
    SameDiff sd = SameDiff.create();
    SDVariable tokens = sd.placeHolder("token ids", type, -1, TOKENS);
    SDVariable hidden = sd.gather("hidden", sd.var("table", gaussian(1, ROWS, WIDTH)), tokens, 0);
    SDVariable w = sd.var("w", gaussian(2, WIDTH, FEATURES));
    sd.math().tanh("pooled", hidden.mean(1).mmul(w));
    return sd;
  }

  private static Map<String, long[]> encoded(int n) {
    Map<String, long[]> results = new LinkedHashMap<>();
    results.put("hidden", new long[] {n, TOKENS, WIDTH});
    results.put("pooled", new long[] {n, FEATURES});
    return results;
  }

  @ParameterizedTest
  @EnumSource(names = {"INT", "LONG"})
  void plan_ofTokensWithTwoResults_givesWhatTheSessionGives(DataType type) {
    for (int n : new int[] {1, 2, 5}) {
      Map<String, INDArray> inputs = Map.of("token ids", tokens(type, n));
      compare(() -> textEncoder(type), inputs, encoded(n), "pooled", "table", "w");
      compare(() -> textEncoder(type), inputs, encoded(n), "hidden", "table");
    }
  }

  @Test
  void gradients_ofATable_areThoseOfFiniteDifferences() {
    SameDiff graph = textEncoder(DataType.INT);
    Map<String, INDArray> inputs = Map.of("token ids", tokens(DataType.INT, 5));
    INDArray target = gaussian(9, 5, FEATURES);
    SampleLoss loss = SampleLoss.meanSquaredError(target);
    try (PlannedGraph plan = plan(graph);
        LossGradients gradients =
            plan.gradients(inputs, "pooled", target.shape(), loss, null, List.of("table"))) {
      INDArray table = graph.getVariable("table").getArr();
      float step = 1e-2f;
      for (int i = 0; i < table.length(); i++) {
        double difference = 0;
        for (int sign : new int[] {1, -1}) {
          float before = table.getFloat(i);
          table.putScalar(i, before + sign * step);
          plan.weightsChanged();
          try (LossGradients moved =
              plan.gradients(inputs, "pooled", target.shape(), loss, null, List.of())) {
            difference += sign * moved.losses().sum() / (2 * step);
          }
          table.putScalar(i, before);
        }
        assertThat(gradients.gradients().get("table").getDouble(i))
            .as("value %s", i)
            .isCloseTo(difference, within(1e-3));
      }
    }
  }

  @Test
  void outputs_ofATokenThatIsNotInTheTable_areRefused() {
    try (PlannedGraph plan = plan(textEncoder(DataType.LONG))) {
      for (int bad : new int[] {ROWS, -1}) {
        INDArray tokens = tokens(DataType.LONG, 2);
        tokens.putScalar(1, 2, bad);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> run(plan, Map.of("token ids", tokens), encoded(2)))
            .withMessage("token ids must be in [0, 6] but was " + bad);
      }
      // The plan is none the worse for it.
      assertThat(run(plan, Map.of("token ids", tokens(DataType.LONG, 2)), encoded(2))).hasSize(2);
    }
  }

  @Test
  void outputs_ofArraysOfOtherTypesAndLayouts_areThoseOfConvertedOnes() {
    try (PlannedGraph plan = plan(textEncoder(DataType.INT))) {
      INDArray tokens = tokens(DataType.INT, 5);
      INDArray expected = run(plan, Map.of("token ids", tokens), encoded(5)).get("pooled");
      for (INDArray other : List.of(tokens.castTo(DataType.LONG), tokens.dup('f'))) {
        assertThat(run(plan, Map.of("token ids", other), encoded(5)).get("pooled"))
            .isEqualTo(expected);
      }
    }
  }

  @Test
  void bytes_ofTokens_growWithTheirNumber() {
    try (PlannedGraph plan = plan(textEncoder(DataType.LONG))) {
      Map<String, long[]> one = Map.of("token ids", new long[] {3, TOKENS});
      Map<String, long[]> more = Map.of("token ids", new long[] {300, TOKENS});
      long difference =
          plan.bytes(more, encoded(300), Set.of()).orElseThrow()
              - plan.bytes(one, encoded(3), Set.of()).orElseThrow();
      // A long and a row of floats for each token.
      assertThat(difference).isGreaterThan(297 * TOKENS * (8 + 4 * WIDTH));
    }
  }

  /** {@code x w} plus or times what all samples share, of a shape. */
  private static SameDiff withShared(long... shape) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, FEATURES);
    SDVariable shared = sd.placeHolder("shared", DataType.FLOAT, shape);
    SDVariable y = x.mmul(sd.var("w", gaussian(2, FEATURES, FEATURES)));
    sd.identity("y", sd.math().tanh(y.add(shared)));
    return sd;
  }

  @Test
  void plan_ofAnInputThatAllSamplesShare_givesWhatTheSessionGives() {
    // Also as many rows as the batch, or a part of it, has samples.
    for (long[] shape : new long[][] {{1, FEATURES}, {FEATURES}, {}, {1, 1}}) {
      for (int n : new int[] {1, 2, 5, 6, 15}) {
        Map<String, INDArray> inputs =
            Map.of("x", gaussian(n, n, FEATURES), "shared", gaussian(3, shape));
        compare(() -> withShared(shape), inputs, Map.of("y", new long[] {n, FEATURES}), "y", "w");
      }
    }
  }

  @Test
  void plan_ofABatchThatTheGraphFixes_givesWhatTheSessionGives() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = SameDiff.create();
          SDVariable x = sd.placeHolder("x", DataType.FLOAT, 6, FEATURES);
          SDVariable t = sd.placeHolder("t", DataType.FLOAT, -1, 1);
          SDVariable y = x.mmul(sd.var("w", gaussian(2, FEATURES, FEATURES)));
          sd.identity("y", y.add(t));
          return sd;
        };
    Map<String, INDArray> inputs = Map.of("x", gaussian(1, 6, FEATURES), "t", gaussian(2, 6, 1));
    compare(graph, inputs, Map.of("y", new long[] {6, FEATURES}), "y", "w");
  }

  /** ND4J does not write the results of these operations where it is told to. */
  @Test
  void plan_ofDimensionsThatComeAndGo_givesWhatTheSessionGives() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = SameDiff.create();
          SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, FEATURES);
          SDVariable y = sd.expandDims(x.mmul(sd.var("w", gaussian(2, FEATURES, FEATURES))), 2);
          y = sd.squeeze(sd.math().tanh(y).mul(sd.expandDims(x, -1)), 2);
          SDVariable all = sd.squeeze(sd.nn().softmax(sd.expandDims(y, 0), 1), 0);
          sd.identity("y", all.add(y));
          return sd;
        };
    for (int n : new int[] {1, 2, 3, 7}) {
      Map<String, INDArray> inputs = Map.of("x", gaussian(n, n, FEATURES));
      compare(graph, inputs, Map.of("y", new long[] {n, FEATURES}), "y", "w", "x");
    }
  }

  @Test
  void outputs_ofBatchesOfDifferentSizes_areRefused() {
    try (PlannedGraph plan = plan(textEncoder(DataType.INT))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> run(plan, Map.of("token ids", tokens(DataType.INT, 2)), encoded(3)))
          .withMessage("token ids must be a batch of 3 but was of 2");
    }
  }
}
