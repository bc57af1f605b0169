package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.engine.PlanOrSession.compare;
import static org.diffusion4j.engine.PlanOrSession.gaussian;
import static org.diffusion4j.engine.PlanOrSession.plan;
import static org.diffusion4j.engine.PlanOrSession.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Attention, whose scores are computed in blocks. */
class PlanAttentionTest {

  private static final String[] OPERANDS = {"q", "k", "v"};

  /** An attention's sizes. Scores of more than 2 MiB are computed in several blocks. */
  record Sizes(int heads, int rows, int columns, int width) {

    static final Sizes SMALL = new Sizes(3, 5, 4, 2);

    /** The rows of the last block differ from those of the others. */
    static final Sizes UNEVEN = new Sizes(2, 1101, 700, 3);

    SDVariable heads(SameDiff sd, String name, int length) {
      SDVariable x = sd.placeHolder(name, DataType.FLOAT, -1, length, heads * width);
      return sd.permute(sd.reshape(x, -1, length, heads, width), 0, 2, 1, 3);
    }

    Map<String, INDArray> inputs(int n) {
      Map<String, INDArray> inputs = new LinkedHashMap<>();
      inputs.put("q", gaussian(n, n, rows, heads * width));
      inputs.put("k", gaussian(n + 100, n, columns, heads * width));
      inputs.put("v", gaussian(n + 200, n, columns, heads * width));
      return inputs;
    }

    Map<String, long[]> result(int n) {
      return Map.of("y", new long[] {n, rows, heads * width});
    }
  }

  /** What is done to the scores before the softmax. */
  interface Scores {
    SDVariable of(SameDiff sd, SDVariable scores);
  }

  private static Supplier<SameDiff> graph(Sizes of, Scores scores) {
    return () -> {
      SameDiff sd = SameDiff.create();
      SDVariable q = of.heads(sd, "q", of.rows);
      SDVariable k = of.heads(sd, "k", of.columns);
      SDVariable v = of.heads(sd, "v", of.columns);
      SDVariable weights = scores.of(sd, sd.mmul(q, k, false, true, false));
      SDVariable mixed = sd.mmul(sd.nn().softmax(weights, -1), v);
      SDVariable rows = sd.permute(mixed, 0, 2, 1, 3);
      sd.identity("y", sd.reshape(rows, -1, of.rows, of.heads * of.width));
      return sd;
    };
  }

  private static SDVariable scaled(SDVariable scores, Sizes of) {
    return scores.mul(1 / Math.sqrt(of.width));
  }

  /** Each row takes part only in the columns up to its own number. */
  private static INDArray causal(Sizes of) {
    INDArray mask = Nd4j.zeros(DataType.FLOAT, of.rows, of.columns);
    for (int row = 0; row < of.rows; row++) {
      for (int column = row + 1; column < of.columns; column++) {
        mask.putScalar(row, column, -1e9);
      }
    }
    return mask;
  }

  private static Map<String, Scores> all(Sizes of) {
    Map<String, Scores> all = new LinkedHashMap<>();
    all.put("plain", (sd, scores) -> scores);
    all.put("multiplied", (sd, scores) -> scaled(scores, of));
    all.put("divided", (sd, scores) -> scores.div(Math.sqrt(of.width)));
    all.put("causal", (sd, scores) -> scaled(scores, of).add(sd.constant("causal", causal(of))));
    all.put(
        "with the mask first",
        (sd, scores) -> sd.constant("causal", causal(of)).add(scaled(scores, of)));
    all.put(
        "with a mask for each head",
        (sd, scores) ->
            scores.add(sd.constant("mask", gaussian(1, 1, of.heads, of.rows, of.columns))));
    all.put(
        "with a mask for each column",
        (sd, scores) -> scores.add(sd.constant("mask", gaussian(1, of.columns))));
    return all;
  }

  static Stream<Named<Supplier<SameDiff>>> small() {
    return all(Sizes.SMALL).entrySet().stream()
        .map(e -> Named.of(e.getKey(), graph(Sizes.SMALL, e.getValue())));
  }

  static Stream<Named<Supplier<SameDiff>>> uneven() {
    return all(Sizes.UNEVEN).entrySet().stream()
        .filter(e -> e.getKey().equals("causal") || e.getKey().equals("multiplied"))
        .map(e -> Named.of(e.getKey(), graph(Sizes.UNEVEN, e.getValue())));
  }

  @ParameterizedTest
  @MethodSource("small")
  void attention_isThatOfTheSession(Supplier<SameDiff> graph) {
    for (int n : new int[] {1, 2, 5}) {
      compare(graph, Sizes.SMALL.inputs(n), Sizes.SMALL.result(n), "y", OPERANDS);
    }
  }

  @ParameterizedTest
  @MethodSource("uneven")
  void attention_inSeveralBlocks_isThatOfTheSession(Supplier<SameDiff> graph) {
    compare(graph, Sizes.UNEVEN.inputs(2), Sizes.UNEVEN.result(2), "y", OPERANDS);
  }

  @Test
  void attention_ofOneHeadWithOneColumn_isThatOfTheSession() {
    Sizes sizes = new Sizes(1, 3, 1, 4);
    compare(graph(sizes, (sd, scores) -> scores), sizes.inputs(2), sizes.result(2), "y", OPERANDS);
  }

  /** A mask for each sample, of a placeholder. */
  private static Supplier<SameDiff> masked(Sizes of, long... shape) {
    return graph(
        of,
        (sd, scores) -> {
          SDVariable mask = sd.placeHolder("mask", DataType.FLOAT, shape);
          return scaled(scores, of).add(mask.rsub(1).mul(-1e4));
        });
  }

  private static Map<String, INDArray> withMask(Sizes of, int n, long... shape) {
    Map<String, INDArray> inputs = of.inputs(n);
    INDArray mask = Nd4j.ones(DataType.FLOAT, shape);
    mask.get(NDArrayIndex.point(0)).putScalar(new long[] {0, 0, of.columns - 1}, 0);
    inputs.put("mask", mask);
    return inputs;
  }

  @Test
  void attention_withAMaskForEachSample_isThatOfTheSession() {
    Sizes of = Sizes.SMALL;
    for (int n : new int[] {1, 2, 3}) {
      compare(
          masked(of, -1, 1, 1, of.columns),
          withMask(of, n, n, 1, 1, of.columns),
          of.result(n),
          "y",
          OPERANDS);
      compare(
          masked(of, -1, of.heads, of.rows, of.columns),
          withMask(of, n, n, of.heads, of.rows, of.columns),
          of.result(n),
          "y",
          OPERANDS);
    }
  }

  @Test
  void gradient_byAMask_isThatOfTheSession() {
    Sizes of = Sizes.SMALL;
    compare(
        masked(of, -1, of.heads, of.rows, of.columns),
        withMask(of, 2, 2, of.heads, of.rows, of.columns),
        of.result(2),
        "y",
        "q",
        "mask");
    Scores learned = (sd, scores) -> scores.add(sd.var("bias", gaussian(1, of.rows, of.columns)));
    compare(graph(of, learned), of.inputs(2), of.result(2), "y", "q", "bias");
  }

  /** Heads beside each other in the first dimension, and keys that are stored as columns. */
  @Test
  void attention_ofMatricesInOtherLayouts_isThatOfTheSession() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = SameDiff.create();
          SDVariable q = sd.reshape(sd.placeHolder("q", DataType.FLOAT, -1, 6, 4), -1, 3, 4);
          SDVariable k = sd.reshape(sd.placeHolder("k", DataType.FLOAT, -1, 8, 5), -1, 4, 5);
          SDVariable v = sd.reshape(sd.placeHolder("v", DataType.FLOAT, -1, 10, 7), -1, 5, 7);
          SDVariable weights = sd.nn().softmax(sd.mmul(q, k), -1);
          sd.identity("y", sd.reshape(sd.mmul(weights, v), -1, 6, 7));
          return sd;
        };
    for (int n : new int[] {1, 3}) {
      Map<String, INDArray> inputs =
          Map.of("q", gaussian(1, n, 6, 4), "k", gaussian(2, n, 8, 5), "v", gaussian(3, n, 10, 7));
      compare(graph, inputs, Map.of("y", new long[] {n, 6, 7}), "y", OPERANDS);
    }
  }

  @Test
  void attention_whoseWeightsAreAResultToo_isThatOfTheSession() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = graph(Sizes.SMALL, (s, scores) -> scores).get();
          String weights =
              sd.getOps().values().stream()
                  .filter(op -> op.getOp().opName().equals("softmax"))
                  .map(op -> op.getOutputsOfOp().get(0))
                  .findFirst()
                  .orElseThrow();
          sd.identity("weights", sd.getVariable(weights));
          return sd;
        };
    Map<String, long[]> results = new LinkedHashMap<>(Sizes.SMALL.result(2));
    results.put("weights", new long[] {2, 3, 5, 4});
    compare(graph, Sizes.SMALL.inputs(2), results, "y", OPERANDS);
  }

  /** The heads of an image, whose channels are last in a plan. */
  @Test
  void attention_ofPixels_isThatOfTheSession() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = SameDiff.create();
          SDVariable[] heads = new SDVariable[3];
          for (int i = 0; i < 3; i++) {
            SDVariable image = sd.placeHolder(OPERANDS[i], DataType.FLOAT, -1, 6, 3, 4);
            heads[i] = sd.reshape(sd.nn().swish(image), -1, 2, 12);
          }
          SDVariable scores = sd.mmul(heads[0], heads[1], true, false, false).mul(0.7);
          SDVariable mixed = sd.mmul(heads[2], sd.nn().softmax(scores, -1), false, true, false);
          sd.identity("y", sd.reshape(mixed, -1, 6, 3, 4));
          return sd;
        };
    for (int n : new int[] {1, 2, 5}) {
      Map<String, INDArray> inputs = new LinkedHashMap<>();
      for (String name : OPERANDS) {
        inputs.put(name, gaussian(name.hashCode(), n, 6, 3, 4));
      }
      compare(graph, inputs, Map.of("y", new long[] {n, 6, 3, 4}), "y", OPERANDS);
    }
  }

  /** Self-attention of one value, whose memory the result must not overwrite. */
  @Test
  void attention_ofAValueToItself_isThatOfTheSession() {
    Supplier<SameDiff> graph =
        () -> {
          SameDiff sd = SameDiff.create();
          SDVariable x = sd.nn().swish(sd.placeHolder("x", DataType.FLOAT, -1, 1200, 4));
          SDVariable weights = sd.nn().softmax(sd.mmul(x, x, false, true, false), -1);
          sd.identity("y", sd.mmul(weights, x));
          return sd;
        };
    compare(
        graph,
        Map.of("x", gaussian(1, 2, 1200, 4)),
        Map.of("y", new long[] {2, 1200, 4}),
        "y",
        "x");
  }

  /** In parts of every size, with one, two or three threads for each. */
  @ParameterizedTest
  @MethodSource("uneven")
  void attention_ofASample_doesNotDependOnItsBatch(Supplier<SameDiff> graph) {
    Map<String, INDArray> inputs = Sizes.UNEVEN.inputs(9);
    try (PlannedGraph plan = plan(graph.get())) {
      INDArray whole = run(plan, inputs, Sizes.UNEVEN.result(9)).get("y");
      for (int n = 1; n <= 8; n++) {
        Map<String, INDArray> part = new LinkedHashMap<>();
        int first = 9 - n;
        inputs.forEach(
            (name, all) -> part.put(name, all.get(NDArrayIndex.interval(first, 9)).dup('c')));
        assertThat(run(plan, part, Sizes.UNEVEN.result(n)).get("y"))
            .isEqualTo(whole.get(NDArrayIndex.interval(first, 9)));
      }
    }
  }

  /** The scores alone would take 1 GiB. */
  @Test
  void memory_doesNotGrowWithTheScores() {
    Sizes of = new Sizes(8, 4096, 4096, 40);
    Supplier<SameDiff> graph = graph(of, (sd, scores) -> scaled(scores, of));
    Map<String, long[]> inputs = new LinkedHashMap<>();
    for (String name : OPERANDS) {
      inputs.put(name, new long[] {2, 4096, 320});
    }
    long operand = 2L * 4096 * 320 * Float.BYTES;
    try (PlannedGraph plan = plan(graph.get())) {
      assertThat(plan.bytes(inputs, of.result(2), List.of()).orElseThrow())
          .isLessThan(4 * operand + (16 << 20));
    }
    try (PlannedGraph plan = plan(graph.get())) {
      assertThat(plan.bytes(inputs, of.result(2), List.of(OPERANDS)).orElseThrow())
          .isLessThan(8 * operand + (32 << 20));
    }
  }
}
