package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.engine.PlanOrSession.compare;
import static org.diffusion4j.engine.PlanOrSession.gaussian;
import static org.diffusion4j.engine.PlanOrSession.plan;
import static org.diffusion4j.engine.PlanOrSession.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.SameDiffPlanner;
import org.diffusion4j.engine.samediff.Source;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.factory.Nd4j;

/** The layers that text networks and attention are made of. */
class PlanLayersTest {

  private static final int TOKENS = 4;
  private static final int CONTEXT = 3;
  private static final int WIDTH = 6;
  private static final int HEADS = 2;

  /** What a layer does to {@code x [n, tokens, width]}, with a context of another length. */
  interface Layer {
    SDVariable of(SameDiff sd, SDVariable x, SDVariable context);
  }

  private static SDVariable weight(SameDiff sd, String name, long... shape) {
    return sd.var(name, gaussian(name.hashCode(), shape).muli(0.4));
  }

  /** {@code x w}, for each token. */
  private static SDVariable dense(SameDiff sd, String name, SDVariable x, int out) {
    SDVariable rows = sd.reshape(x, -1, WIDTH);
    return rows.mmul(weight(sd, name, WIDTH, out)).add(weight(sd, name + "-bias", out));
  }

  private static SDVariable tokens(SameDiff sd, SDVariable rows) {
    return sd.reshape(rows, -1, TOKENS, WIDTH);
  }

  private static Supplier<SameDiff> graph(Layer layer) {
    return () -> {
      SameDiff sd = SameDiff.create();
      SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, TOKENS, WIDTH);
      SDVariable context = sd.placeHolder("context", DataType.FLOAT, -1, CONTEXT, WIDTH);
      sd.identity("y", layer.of(sd, x, context));
      return sd;
    };
  }

  private static SDVariable heads(SameDiff sd, SDVariable rows, int length) {
    SDVariable split = sd.reshape(rows, -1, length, HEADS, WIDTH / HEADS);
    return sd.permute(split, 0, 2, 1, 3);
  }

  /** Attention of tokens to a context that is longer or shorter. */
  private static SDVariable attention(SameDiff sd, SDVariable x, SDVariable context) {
    SDVariable q = heads(sd, dense(sd, "q", x, WIDTH), TOKENS);
    SDVariable k = heads(sd, dense(sd, "k", context, WIDTH), CONTEXT);
    SDVariable v = heads(sd, dense(sd, "v", context, WIDTH), CONTEXT);
    SDVariable scores = sd.mmul(q, k, false, true, false).mul(1 / Math.sqrt(WIDTH / HEADS));
    SDVariable mixed = sd.mmul(sd.nn().softmax(scores, -1), v);
    return sd.reshape(sd.permute(mixed, 0, 2, 1, 3), -1, TOKENS, WIDTH);
  }

  private static SDVariable erfGelu(SameDiff sd, SDVariable x) {
    return x.mul(0.5).mul(sd.math().erf(x.mul(Math.sqrt(0.5))).add(1));
  }

  private static SDVariable tanhGelu(SameDiff sd, SDVariable x) {
    SDVariable inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(sd.math().tanh(inner).add(1));
  }

  /** Layer normalisation with an epsilon, which ND4J's own lacks. */
  private static SDVariable layerNorm(SameDiff sd, String name, SDVariable x, int dimension) {
    SDVariable centred = x.sub(x.mean(true, dimension));
    SDVariable variance = centred.mul(centred).mean(true, dimension);
    return centred
        .mul(sd.math().rsqrt(variance.add(0.3)))
        .mul(weight(sd, name + "-gain", WIDTH))
        .add(weight(sd, name + "-shift", WIDTH));
  }

  /** Each token attends to itself and to those before it. */
  private static SDVariable causalAttention(SameDiff sd, SDVariable x) {
    INDArray later = Nd4j.zeros(DataType.FLOAT, TOKENS, TOKENS);
    for (int i = 0; i < TOKENS; i++) {
      for (int j = i + 1; j < TOKENS; j++) {
        later.putScalar(i, j, -1e9);
      }
    }
    SDVariable q = heads(sd, dense(sd, "q", x, WIDTH), TOKENS);
    SDVariable k = heads(sd, dense(sd, "k", x, WIDTH), TOKENS);
    SDVariable v = heads(sd, dense(sd, "v", x, WIDTH), TOKENS);
    SDVariable scores = sd.mmul(q, k, false, true, false).mul(1 / Math.sqrt(WIDTH / HEADS));
    SDVariable masked = scores.add(sd.constant("later", later));
    SDVariable mixed = sd.mmul(sd.nn().softmax(masked, -1), v);
    SDVariable rows = sd.reshape(sd.permute(mixed, 0, 2, 1, 3), -1, WIDTH);
    return rows.mmul(weight(sd, "out", WIDTH, WIDTH)).add(weight(sd, "out-bias", WIDTH));
  }

  /** A layer of CLIP's text encoder after its positions. */
  private static SDVariable textLayer(SameDiff sd, SDVariable x, SDVariable context) {
    SDVariable placed = x.add(weight(sd, "positions", TOKENS, WIDTH));
    SDVariable rows = sd.reshape(placed, -1, WIDTH);
    SDVariable attended = rows.add(causalAttention(sd, layerNorm(sd, "norm1", rows, 1)));
    SDVariable wide = sd.nn().gelu(dense(sd, "fc1", layerNorm(sd, "norm2", attended, 1), WIDTH));
    return tokens(sd, attended.add(dense(sd, "fc2", wide, WIDTH)));
  }

  private static SDVariable swish(SameDiff sd, SDVariable x) {
    return sd.nn().swish(x);
  }

  /** A convolution with a kernel of one pixel. */
  private static SDVariable conv(SameDiff sd, String name, SDVariable x, int out) {
    int in = out == 2 ? TOKENS * WIDTH / 4 : 2;
    return sd.cnn()
        .conv2d(
            x,
            weight(sd, name, 1, 1, in, out),
            weight(sd, name + "-bias", out),
            Conv2DConfig.builder()
                .kH(1)
                .kW(1)
                .paddingMode(PaddingMode.VALID)
                .dataFormat("NCHW")
                .weightsFormat(WeightsFormat.YXIO)
                .build());
  }

  private static Map<String, Layer> all() {
    Map<String, Layer> all = new LinkedHashMap<>();
    all.put("tanh", (sd, x, c) -> sd.math().tanh(dense(sd, "w", x, WIDTH)));
    all.put("relu", (sd, x, c) -> sd.nn().relu(dense(sd, "w", x, WIDTH), 0));
    all.put("sigmoid", (sd, x, c) -> sd.nn().sigmoid(dense(sd, "w", x, WIDTH)));
    all.put("swish", (sd, x, c) -> sd.nn().swish(dense(sd, "w", x, WIDTH)));
    all.put("quick gelu", (sd, x, c) -> sd.nn().gelu(dense(sd, "w", x, WIDTH)));
    all.put("gelu by tanh", (sd, x, c) -> tanhGelu(sd, dense(sd, "w", x, WIDTH)));
    all.put(
        "mish",
        (sd, x, c) -> {
          SDVariable y = dense(sd, "w", x, WIDTH);
          return y.mul(sd.math().tanh(sd.nn().softplus(y)));
        });
    all.put("gelu by erf", (sd, x, c) -> erfGelu(sd, dense(sd, "w", x, WIDTH)));
    all.put(
        "layer norm",
        (sd, x, c) ->
            sd.nn()
                .layerNorm(
                    dense(sd, "w", x, WIDTH),
                    weight(sd, "gain", WIDTH),
                    weight(sd, "shift", WIDTH),
                    false,
                    1));
    all.put("sine", (sd, x, c) -> sd.math().sin(dense(sd, "w", x, WIDTH)));
    all.put("cosine", (sd, x, c) -> sd.math().cos(dense(sd, "w", x, WIDTH)));
    all.put("softmax", (sd, x, c) -> sd.nn().softmax(dense(sd, "w", x, WIDTH), -1));
    all.put(
        "gated gelu",
        (sd, x, c) -> {
          SDVariable[] halves = sd.split(dense(sd, "w", x, 2 * WIDTH), 2, 1);
          return halves[0].mul(sd.nn().gelu(halves[1]));
        });
    Map<String, Layer> shaped = new LinkedHashMap<>();
    all.forEach((name, layer) -> shaped.put(name, (sd, x, c) -> tokens(sd, layer.of(sd, x, c))));
    shaped.put("attention to a context", PlanLayersTest::attention);
    shaped.put("layer norm with epsilon", (sd, x, c) -> layerNorm(sd, "norm", x, 2));
    shaped.put("positions", (sd, x, c) -> x.add(weight(sd, "positions", 1, TOKENS, WIDTH)));
    shaped.put("mask", (sd, x, c) -> x.add(sd.constant("mask", gaussian(5, TOKENS, WIDTH))));
    shaped.put("text layer", PlanLayersTest::textLayer);
    shaped.put(
        "transposed dense",
        (sd, x, c) -> {
          SDVariable rows = sd.reshape(x, -1, WIDTH);
          SDVariable w = weight(sd, "w", WIDTH, WIDTH);
          return tokens(sd, sd.mmul(rows, w, false, true, false).add(weight(sd, "b", WIDTH)));
        });
    shaped.put(
        "features beside each other",
        (sd, x, c) -> {
          SDVariable[] thirds = sd.split(x, 3, 2);
          return sd.concat(-1, sd.math().tanh(thirds[2]), thirds[0], thirds[0].mul(thirds[1]));
        });
    shaped.put(
        "tokens after each other",
        (sd, x, c) -> {
          SDVariable[] halves = sd.split(sd.concat(1, sd.nn().swish(x), x), 2, 1);
          return halves[0].mul(halves[1]);
        });
    shaped.put(
        "pixels as tokens",
        (sd, x, c) -> {
          SDVariable image = sd.reshape(x, -1, WIDTH, 2, TOKENS / 2);
          SDVariable rows = sd.reshape(sd.permute(swish(sd, image), 0, 2, 3, 1), -1, WIDTH);
          SDVariable dense = rows.mmul(weight(sd, "w", WIDTH, WIDTH));
          SDVariable last = sd.reshape(dense, -1, 2, TOKENS / 2, WIDTH);
          return sd.reshape(swish(sd, sd.permute(last, 0, 3, 1, 2)), -1, TOKENS, WIDTH);
        });
    shaped.put(
        "a cube of pixels and channels",
        (sd, x, c) -> {
          SDVariable w = weight(sd, "w", 2, 2);
          SDVariable image = conv(sd, "first", sd.reshape(x, -1, TOKENS * WIDTH / 4, 2, 2), 2);
          SDVariable last = sd.permute(image, 0, 2, 3, 1);
          SDVariable both = last.mul(sd.permute(image, 0, 3, 2, 1));
          SDVariable product = sd.reshape(sd.reshape(both, -1, 2).mmul(w), -1, 2, 2, 2);
          SDVariable back = sd.permute(product.add(last), 0, 3, 1, 2).mul(image);
          SDVariable result = conv(sd, "last", back, TOKENS * WIDTH / 4);
          return sd.reshape(result, -1, TOKENS, WIDTH);
        });
    return shaped;
  }

  static Stream<Named<Layer>> layers() {
    return all().entrySet().stream().map(e -> Named.of(e.getKey(), e.getValue()));
  }

  private static String[] names(Supplier<SameDiff> graph) {
    return graph.get().variables().stream()
        .filter(v -> v.getVariableType() == VariableType.VARIABLE || v.isPlaceHolder())
        .map(SDVariable::name)
        .toArray(String[]::new);
  }

  private static Map<String, INDArray> inputs(int n) {
    return Map.of(
        "x", gaussian(n, n, TOKENS, WIDTH), "context", gaussian(n + 10, n, CONTEXT, WIDTH));
  }

  private static NodeGraph planned(SameDiff graph, int n, Set<String> of) {
    Map<String, INDArray> variables = new LinkedHashMap<>();
    Map<String, INDArray> constants = new LinkedHashMap<>();
    for (SDVariable variable : graph.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        variables.put(variable.name(), variable.getArr());
      } else if (variable.isConstant()) {
        constants.put(variable.name(), variable.getArr());
      }
    }
    Map<String, long[]> inputs = new LinkedHashMap<>();
    inputs(n).forEach((name, array) -> inputs.put(name, array.shape()));
    Source source = new Source(graph, () -> PlanOrSession.copy(graph), List.of());
    Goal goal =
        of.isEmpty()
            ? Goal.forward(Set.of("y"), Precision.FLOAT32)
            : Goal.gradients("y", of, false);
    return SameDiffPlanner.plan(
        new Weights(variables, constants),
        source,
        inputs,
        goal,
        Map.of("y", new long[] {n, TOKENS, WIDTH}));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void plan_ofALayer_givesWhatTheSessionGives(Layer layer) {
    Supplier<SameDiff> graph = graph(layer);
    String[] of =
        Stream.of(names(graph)).filter(name -> !name.equals("context")).toArray(String[]::new);
    for (int n : new int[] {1, 2, 3, 7}) {
      compare(graph, inputs(n), Map.of("y", new long[] {n, TOKENS, WIDTH}), "y", of);
    }
  }

  @Test
  void gradients_byAContext_areThoseOfTheSession() {
    Supplier<SameDiff> graph = graph(PlanLayersTest::attention);
    compare(graph, inputs(5), Map.of("y", new long[] {5, TOKENS, WIDTH}), "y", "x", "context", "k");
  }

  /** Neither forward nor backward does ND4J compute anything, and the batch is divided. */
  @ParameterizedTest
  @MethodSource("layers")
  void plan_ofALayer_isMadeOfNodesOfOurOwn(Layer layer) {
    for (int n : new int[] {1, 3}) {
      NodeGraph forward = planned(graph(layer).get(), n, Set.of());
      assertThat(forward.nodes()).noneMatch(node -> node instanceof Nd4jOp);
      assertThat(forward.divisible()).isTrue();
      assertThat(planned(graph(layer).get(), n, Set.of("x")).nodes())
          .noneMatch(node -> node instanceof Nd4jOp);
    }
  }

  @Test
  void layerNorm_ofEqualValues_isTheShift() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, WIDTH);
    SDVariable shift = weight(sd, "shift", WIDTH);
    sd.identity("y", sd.nn().layerNorm(x, weight(sd, "gain", WIDTH), shift, false, 1));
    try (PlannedGraph plan = plan(sd)) {
      INDArray y =
          run(
                  plan,
                  Map.of("x", Nd4j.ones(DataType.FLOAT, 2, WIDTH).muli(7)),
                  Map.of("y", new long[] {2, WIDTH}))
              .get("y");
      for (int i = 0; i < WIDTH; i++) {
        assertThat(y.getFloat(1, i)).isCloseTo(shift.getArr().getFloat(i), within(1e-6f));
      }
    }
  }
}
