package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.GraphExecutor;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.samediff.SessionGraph;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Runs graphs as plans, by three threads, and in SameDiff's session. */
final class PlanOrSession {

  private PlanOrSession() {}

  static INDArray gaussian(long seed, long... shape) {
    Random random = new Random(seed);
    float[] values = new float[(int) NativeMemory.product(shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Nd4j.create(values, shape, 'c');
  }

  static PlannedGraph plan(SameDiff graph) {
    Source source = new Source(graph, () -> copy(graph), List.of());
    return PlannedGraph.of(source, NativeMemory.ledger(), Workers.of(3)).orElseThrow();
  }

  static SessionGraph session(SameDiff graph) {
    return new SessionGraph(graph, () -> copy(graph), List.of());
  }

  static SameDiff copy(SameDiff graph) {
    SameDiff copy = SameDiff.create();
    graph.invokeGraphOn(copy);
    return copy;
  }

  static Map<String, INDArray> run(
      GraphExecutor executor, Map<String, INDArray> inputs, Map<String, long[]> results) {
    return executor.outputs(inputs, results, Precision.FLOAT32);
  }

  static void compare(
      Supplier<SameDiff> graph,
      Map<String, INDArray> inputs,
      Map<String, long[]> results,
      String lossOf,
      String... of) {
    try (PlannedGraph plan = plan(graph.get());
        SessionGraph session = session(graph.get())) {
      Map<String, INDArray> expected = run(session, inputs, results);
      Map<String, INDArray> actual = run(plan, inputs, results);
      assertThat(actual).containsOnlyKeys(results.keySet());
      actual.forEach((name, array) -> assertClose(name, array, expected.get(name)));
      INDArray target = gaussian(9, results.get(lossOf));
      SampleLoss loss = SampleLoss.meanSquaredError(target);
      try (LossGradients ours =
              plan.gradients(inputs, lossOf, target.shape(), loss, null, List.of(of));
          LossGradients theirs =
              session.gradients(inputs, lossOf, target.shape(), loss, null, List.of(of))) {
        assertThat(ours.losses().sum()).isCloseTo(theirs.losses().sum(), within(1e-5));
        for (String name : of) {
          assertClose(name, ours.gradients().get(name), theirs.gradients().get(name));
        }
      }
    }
  }

  static void assertClose(String name, INDArray actual, INDArray expected) {
    assertThat(actual.shape()).as(name).isEqualTo(expected.shape());
    assertThat(actual.distance2(expected))
        .as(name)
        .isLessThan(1e-5 * (1 + expected.norm2Number().doubleValue()));
  }
}
