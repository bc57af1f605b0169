package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Graphs that are not U-Nets, on a plan and in SameDiff's session. */
class PlanOwnGraphsTest {

  private static Stream<Named<Supplier<SameDiff>>> named(Map<String, Supplier<SameDiff>> graphs) {
    return graphs.entrySet().stream().map(e -> Named.of(e.getKey(), e.getValue()));
  }

  static Stream<Named<Supplier<SameDiff>>> vectors() {
    return named(OwnGraphs.vectors());
  }

  static Stream<Named<Supplier<SameDiff>>> images() {
    return named(OwnGraphs.images());
  }

  static Stream<Named<Supplier<SameDiff>>> withControlFlow() {
    return named(OwnGraphs.withControlFlow());
  }

  private static Map<String, INDArray> inputs(Random random, long... shape) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, PlanAndSession.gaussian(random, shape));
    inputs.put(Graphs.TIMESTEP, PlanAndSession.times(random, (int) shape[0]));
    return inputs;
  }

  private static void compare(Supplier<SameDiff> graph, long... sample) {
    long[] shape = new long[sample.length + 1];
    System.arraycopy(sample, 0, shape, 1, sample.length);
    try (PlanAndSession both = new PlanAndSession(graph, sample.length)) {
      for (int n : new int[] {5, 1, 2}) {
        shape[0] = n;
        Map<String, INDArray> inputs = inputs(new Random(n), shape);
        both.compareOutputs(inputs, shape);
        // Not one that fell back to the session.
        assertThat(both.plan.isPlanned()).isTrue();
      }
      for (int n : new int[] {5, 1, 2}) {
        shape[0] = n;
        Map<String, INDArray> inputs = inputs(new Random(n), shape);
        both.compareGradients(inputs, PlanAndSession.gaussian(new Random(10 + n), shape));
        both.compareOutputs(inputs, shape);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("vectors")
  void plan_ofAGraphOfOnesOwn_givesWhatTheSessionGives(Supplier<SameDiff> graph) {
    compare(graph, 6);
  }

  @ParameterizedTest
  @MethodSource("images")
  void plan_ofAnImageGraphOfOnesOwn_givesWhatTheSessionGives(Supplier<SameDiff> graph) {
    compare(graph, 2, 6, 4);
  }

  @ParameterizedTest
  @MethodSource("withControlFlow")
  void output_ofAGraphWithControlFlow_isThatOfTheSession(Supplier<SameDiff> graph) {
    try (GraphRunner runner = new GraphRunner(graph.get());
        GraphRunner session = PlanAndSession.inSession(() -> new GraphRunner(graph.get()))) {
      for (int n = 1; n <= 6; n++) {
        // Alternately below and above what a branch asks for.
        Map<String, INDArray> inputs = inputs(new Random(n), n, 6);
        inputs.get(Graphs.TIMESTEP).assign(n % 2 == 0 ? 10 : 90);
        assertThat(runner.output(inputs, new long[] {n, 6}))
            .isEqualTo(session.output(inputs, new long[] {n, 6}));
      }
      assertThat(runner.isPlanned()).isFalse();
    }
  }

  @Test
  void output_ofDropout_keepsSomeValuesAndDropsOthersAnewEachTime() {
    try (GraphRunner runner = new GraphRunner(OwnGraphs.dropout().get())) {
      Map<String, INDArray> inputs = inputs(new Random(1), 50, 6);
      INDArray x = inputs.get(Graphs.SAMPLE).dup();
      INDArray first = runner.output(inputs, new long[] {50, 6});
      INDArray second = runner.output(inputs, new long[] {50, 6});
      for (INDArray y : new INDArray[] {first, second}) {
        int kept = 0;
        for (int i = 0; i < 300; i++) {
          boolean same = y.getFloat(i / 6, i % 6) == x.getFloat(i / 6, i % 6);
          assertThat(same || y.getFloat(i / 6, i % 6) == 0).isTrue();
          kept += same ? 1 : 0;
        }
        // Five deviations around a half.
        assertThat(kept).isBetween(107, 193);
      }
      assertThat(first).isNotEqualTo(second);
      assertThat(inputs.get(Graphs.SAMPLE)).isEqualTo(x);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7})
  void plan_ofAnMlp_givesWhatTheSessionGives(int n) {
    NoiseSchedule schedule = NoiseSchedule.linear(100);
    Mlp.Config config = new Mlp.Config(5, 24, 3);
    Random random = new Random(n);
    INDArray x = PlanAndSession.gaussian(random, n, 5);
    INDArray t = PlanAndSession.times(random, n).reshape(n);
    INDArray target = PlanAndSession.gaussian(random, n, 5);
    try (Mlp plan = Mlp.create(config, schedule, 1);
        Mlp session = PlanAndSession.inSession(() -> Mlp.create(config, schedule, 1))) {
      INDArray expected = session.predict(x, t, Condition.none());
      INDArray actual = plan.predict(x, t, Condition.none());
      assertThat(PlanAndSession.error(actual, expected))
          .isLessThan(1e-5 * PlanAndSession.norm(expected));
      try (Gradients ours = plan.gradients(x, t, Condition.none(), target);
          Gradients theirs = session.gradients(x, t, Condition.none(), target)) {
        ours.of()
            .forEach(
                (name, gradient) ->
                    assertThat(PlanAndSession.error(gradient, theirs.of().get(name)))
                        .as(name)
                        .isLessThan(1e-4 * PlanAndSession.norm(theirs.of().get(name))));
        assertThat(ours.of()).containsOnlyKeys(theirs.of().keySet());
      }
    }
  }
}
