package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** One graph, built twice: to run as a plan, and in SameDiff's session. */
final class PlanAndSession implements AutoCloseable {

  final GraphRunner plan;
  final GraphRunner session;
  private final List<String> names = new ArrayList<>();

  PlanAndSession(Supplier<SameDiff> graph, int sampleRank) {
    SameDiff planned = graph.get();
    for (SDVariable variable : planned.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        names.add(variable.name());
      }
    }
    names.add(Graphs.SAMPLE);
    plan = new GraphRunner(planned);
    session = inSession(() -> new GraphRunner(graph.get()));
    assertThat(plan.isPlanned()).isTrue();
    assertThat(session.isPlanned()).isFalse();
  }

  /** What is made while the system property has the session run everything. */
  static <T> T inSession(Supplier<T> make) {
    String before = System.getProperty(GraphRunner.PROPERTY);
    System.setProperty(GraphRunner.PROPERTY, "session");
    try {
      return make.get();
    } finally {
      if (before == null) {
        System.clearProperty(GraphRunner.PROPERTY);
      } else {
        System.setProperty(GraphRunner.PROPERTY, before);
      }
    }
  }

  /** The names of all weights, and of the sample. */
  List<String> names() {
    return names;
  }

  /** Checks that the outputs agree to 1e-5 of their norm. */
  void compareOutputs(Map<String, INDArray> inputs, long... shape) {
    try (INDArray ours = plan.output(inputs, shape);
        INDArray theirs = session.output(inputs, shape)) {
      assertThat(ours.shape()).isEqualTo(shape);
      assertThat(theirs.shape()).isEqualTo(shape);
      assertThat(error(ours, theirs) / norm(theirs))
          .as("relative error of the output")
          .isLessThan(1e-5);
    }
  }

  /**
   * Checks that the gradients agree to 1e-4 of their norms. Those that are nothing beside the
   * largest, and the one that is zero but for rounding, are held to 1e-6 of the largest.
   */
  void compareGradients(Map<String, INDArray> inputs, INDArray target) {
    SoftAssertions softly = new SoftAssertions();
    try (Gradients ours = new Gradients(plan.gradients(inputs, target, names));
        Gradients theirs = new Gradients(session.gradients(inputs, target, names))) {
      softly
          .assertThat(ours.loss())
          .as("loss")
          .isCloseTo(theirs.loss(), within(1e-5 * theirs.loss()));
      softly.assertThat(ours.of()).containsOnlyKeys(names);
      double largest =
          theirs.of().values().stream().mapToDouble(PlanAndSession::norm).max().orElseThrow();
      for (String name : names) {
        INDArray expected = theirs.of().get(name);
        INDArray actual = ours.of().get(name);
        softly.assertThat(actual.shape()).as(name).isEqualTo(expected.shape());
        double size = norm(expected);
        boolean vanishes = name.endsWith("to_k.bias") || size < 1e-6 * largest;
        softly
            .assertThat(error(actual, expected))
            .as("error of the gradient by %s, whose norm is %s of %s", name, size, largest)
            .isLessThanOrEqualTo(vanishes ? 1e-6 * largest : 1e-4 * size);
      }
    }
    softly.assertAll();
  }

  static double error(INDArray actual, INDArray expected) {
    try (INDArray difference =
        actual.castTo(DataType.DOUBLE).sub(expected.castTo(DataType.DOUBLE))) {
      return norm(difference);
    }
  }

  static double norm(INDArray array) {
    try (INDArray exact = array.castTo(DataType.DOUBLE).dup()) {
      return exact.norm2Number().doubleValue();
    }
  }

  static INDArray gaussian(Random random, long... shape) {
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Nd4j.create(values, shape, 'c');
  }

  /** Timesteps below 100, as graphs take them. */
  static INDArray times(Random random, int n) {
    float[] times = new float[n];
    for (int i = 0; i < n; i++) {
      times[i] = random.nextInt(100);
    }
    return Nd4j.create(times, new long[] {n, 1}, 'c');
  }

  @Override
  public void close() {
    plan.close();
    session.close();
  }
}
