package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.PlannedGraph;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Graphs and calls that a plan could get wrong although it runs most others. */
class PlanCornerCasesTest {

  interface Body {
    SDVariable of(SameDiff sd, SDVariable y, SDVariable t);
  }

  /** {@code y} is {@code sample w}. */
  private static Supplier<SameDiff> graph(Body body) {
    return () -> {
      SameDiff sd = SameDiff.create();
      SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, 6);
      SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
      INDArray w = PlanAndSession.gaussian(new Random(1), 6, 6).muli(0.3);
      sd.identity("output", body.of(sd, x.mmul(sd.var("w", w)), t));
      return sd;
    };
  }

  private static Map<String, INDArray> inputs(int n) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put("sample", PlanAndSession.gaussian(new Random(3), n, 6));
    inputs.put("timestep", PlanAndSession.times(new Random(3), n));
    return inputs;
  }

  private static void outputs(int n, Body body) {
    try (PlanAndSession both = new PlanAndSession(graph(body), 1)) {
      both.compareOutputs(inputs(n), n, 6);
    }
  }

  private static void gradients(int n, Body body) {
    try (PlanAndSession both = new PlanAndSession(graph(body), 1)) {
      both.compareGradients(inputs(n), PlanAndSession.gaussian(new Random(9), n, 6));
    }
  }

  @Test
  void output_withAMeanOverTheBatch_isThatOfTheSession() {
    outputs(5, (sd, y, t) -> y.sub(y.mean()));
  }

  private static SDVariable rotated(SameDiff sd, SDVariable y) {
    SDVariable[] halves = sd.split(sd.reshape(y, 1, -1), 2, 1);
    return sd.reshape(sd.concat(1, halves[1], halves[0]), -1, 6);
  }

  @Test
  void output_withTheBatchReshapedIntoFeatures_isThatOfTheSession() {
    outputs(5, (sd, y, t) -> rotated(sd, y));
  }

  @Test
  void gradients_withTheBatchReshapedIntoFeatures_areThoseOfTheSession() {
    gradients(5, (sd, y, t) -> rotated(sd, y));
  }

  @Test
  void gradients_throughASplitOfWhichAPartIsUnused_areThoseOfTheSession() {
    gradients(4, (sd, y, t) -> sd.concat(1, sd.split(y, 2, 1)[0], sd.split(y, 2, 1)[0]));
  }

  @Test
  void output_withArithmeticOnIntegers_isThatOfTheSession() {
    outputs(
        4, (sd, y, t) -> y.add(t.castTo(DataType.INT64).mul(3L).castTo(DataType.FLOAT).mul(0.01)));
  }

  private static INDArray times(int n) {
    return PlanAndSession.times(new Random(1), n).reshape(n);
  }

  private static UNet unet() {
    return UNet.create(Architectures.tiny().build(), NoiseSchedule.linear(100), 1);
  }

  private static double loss(UNet model) {
    INDArray x = PlanAndSession.gaussian(new Random(1), 2, 1, 8, 8);
    try (Gradients none = model.gradients(x, times(2), Condition.none(), x, List.of())) {
      return none.loss();
    }
  }

  @Test
  void loss_withoutGradients_isThatOfTheSession() {
    try (UNet plan = unet();
        UNet session = PlanAndSession.inSession(PlanCornerCasesTest::unet)) {
      double expected = loss(session);
      assertThat(loss(plan)).isCloseTo(expected, within(1e-5 * expected));
    }
  }

  @Test
  void gradients_throughAnOperationOfNd4j_arePlanned() {
    try (PlanAndSession both = new PlanAndSession(graph((sd, y, t) -> sd.math().tanh(y)), 1)) {
      both.compareGradients(inputs(3), PlanAndSession.gaussian(new Random(9), 3, 6));
      assertThat(both.plan.isPlanned()).isTrue();
    }
  }

  @Test
  void gradients_ofAPlan_areNotDifferentiatedByNd4j() {
    SameDiff graph = graph((sd, y, t) -> sd.math().tanh(y)).get();
    INDArray target = PlanAndSession.gaussian(new Random(9), 3, 6);
    try (GraphRunner runner = new GraphRunner(graph);
        Gradients gradients =
            new Gradients(runner.gradients(inputs(3), target, List.of("w", "sample")))) {
      assertThat(gradients.of().get("w").norm2Number().doubleValue()).isPositive();
      assertThat(runner.isPlanned()).isTrue();
      // It would say so on standard output.
      assertThat(graph.getFunction("grad")).isNull();
    }
  }

  private static void imageGradients(Body body) {
    SameDiff graph = SameDiff.create();
    SDVariable x = graph.placeHolder("sample", DataType.FLOAT, -1, 2, 6, 4);
    SDVariable t = graph.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable f = graph.var("f", PlanAndSession.gaussian(new Random(1), 1, 2, 1, 1));
    graph.identity("output", body.of(graph, x, t).mul(f));
    INDArray target = PlanAndSession.gaussian(new Random(9), 1, 2, 6, 4);
    Map<String, INDArray> all = new LinkedHashMap<>();
    all.put("sample", PlanAndSession.gaussian(new Random(3), 1, 2, 6, 4));
    all.put("timestep", PlanAndSession.times(new Random(3), 1));
    GraphRunner session = PlanAndSession.inSession(() -> new GraphRunner(graph));
    try (Gradients expected =
            new Gradients(session.gradients(all, target, List.of("f", "sample")));
        PlannedGraph plan = PlannedGraph.of(graph, () -> GraphRunner.copy(graph)).orElseThrow()) {
      plan.weightsChanged();
      try (LossGradients actual =
          plan.gradients(
              all,
              "output",
              target.shape(),
              SampleLoss.meanSquaredError(target),
              null,
              List.of("f", "sample"))) {
        for (String name : List.of("f", "sample")) {
          assertThat(PlanAndSession.error(actual.gradients().get(name), expected.of().get(name)))
              .as(name)
              .isLessThan(1e-5);
        }
      }
    }
  }

  @Test
  void gradients_ofTanhOfAnImage_areThoseOfTheSession() {
    imageGradients((sd, x, t) -> sd.math().tanh(x));
  }

  @Test
  void gradients_ofSigmoidOfAnImage_areThoseOfTheSession() {
    imageGradients((sd, x, t) -> sd.nn().sigmoid(x));
  }

  @Test
  void gradients_ofReluOfAnImage_areThoseOfTheSession() {
    imageGradients((sd, x, t) -> sd.nn().relu(x, 0));
  }

  @Test
  void predict_ofMoreSizesThanPlansAreKept_inEightThreads_works() throws Exception {
    try (UNet model = unet()) {
      ExecutorService pool = Executors.newFixedThreadPool(8);
      List<Future<?>> futures = new ArrayList<>();
      for (int thread = 0; thread < 8; thread++) {
        Random random = new Random(thread);
        futures.add(
            pool.submit(
                () -> {
                  for (int i = 0; i < 10; i++) {
                    int n = 1 + random.nextInt(40);
                    model
                        .predict(
                            Nd4j.zeros(DataType.FLOAT, n, 1, 8, 8),
                            Nd4j.zeros(DataType.FLOAT, n),
                            Condition.none())
                        .close();
                  }
                }));
      }
      pool.shutdown();
      for (Future<?> future : futures) {
        future.get();
      }
    }
  }
}
