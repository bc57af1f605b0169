package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.samediff.SessionGraph;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A network's graph whose gradients are compared with differences of its loss. */
final class DoubleModel {

  static final int BATCH = 2;

  private static final double STEP = 1e-5;

  private final SameDiff graph;
  private final Set<String> differentiated;
  private final GraphRunner runner;

  /**
   * @param differentiated inputs whose gradients are compared, too
   */
  DoubleModel(SameDiff graph, Set<String> differentiated) {
    this.graph = graph;
    this.differentiated = differentiated;
    runner = new GraphRunner(graph);
  }

  List<String> names() {
    List<String> names = new ArrayList<>();
    for (SDVariable variable : graph.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        names.add(variable.name());
      }
    }
    names.addAll(differentiated);
    return names;
  }

  INDArray values(String name, Map<String, INDArray> inputs) {
    return differentiated.contains(name) ? inputs.get(name) : graph.getVariable(name).getArr();
  }

  /** Moves every weight, so that no scale is exactly 1 and no shift exactly 0. */
  void unsettle(Random random) {
    for (String name : names()) {
      if (!differentiated.contains(name)) {
        INDArray values = graph.getVariable(name).getArr();
        values.addi(gaussian(random, values.shape()).mul(0.1));
      }
    }
  }

  void copyFrom(DoubleModel other) {
    for (String name : names()) {
      if (!differentiated.contains(name)) {
        graph.getVariable(name).getArr().assign(other.graph.getVariable(name).getArr());
      }
    }
  }

  /** Along one random direction through all that is named. */
  void compare(
      List<String> names,
      Gradients gradients,
      Map<String, INDArray> inputs,
      INDArray target,
      Random random,
      SoftAssertions softly) {
    Map<String, INDArray> direction = new LinkedHashMap<>();
    double analytic = 0;
    for (String name : names) {
      INDArray part = gaussian(random, values(name, inputs).shape());
      part.divi(part.norm2Number().doubleValue());
      analytic += gradients.of().get(name).mul(part).sumNumber().doubleValue();
      direction.put(name, part);
    }
    direction.forEach((name, part) -> values(name, inputs).addi(part.mul(STEP)));
    double above = loss(inputs, target);
    direction.forEach((name, part) -> values(name, inputs).subi(part.mul(2 * STEP)));
    double below = loss(inputs, target);
    direction.forEach((name, part) -> values(name, inputs).addi(part.mul(STEP)));
    double difference = (above - below) / (2 * STEP);
    softly
        .assertThat(analytic)
        .as("derivative by %s", names)
        .isCloseTo(difference, within(1e-6 * Math.abs(difference) + 1e-8));
  }

  /** Of the mean squared error, in double throughout: the runner's losses are of floats. */
  Gradients gradients(Map<String, INDArray> inputs, INDArray target) {
    double loss = loss(inputs, target);
    Losses losses = new Losses((sample, y, dy) -> loss / BATCH, BATCH);
    for (int i = 0; i < BATCH; i++) {
      losses.ask(i, new float[0], new float[0]);
    }
    INDArray error = graph.outputSingle(inputs, Graphs.OUTPUT).sub(target);
    INDArray seed = error.mul(2.0 / target.length());
    SessionGraph session = new SessionGraph(graph, () -> GraphRunner.copy(graph), List.of());
    return new Gradients(
        new LossGradients(
            losses, session.gradients(inputs, Graphs.OUTPUT, seed, names()), () -> {}));
  }

  double loss(Map<String, INDArray> inputs, INDArray target) {
    INDArray output = graph.outputSingle(inputs, Graphs.OUTPUT);
    return output.squaredDistance(target) / target.length();
  }

  /** Compares the gradients of the same network in FLOAT. */
  void compareWithFloat(
      DoubleModel single,
      Gradients expected,
      Map<String, INDArray> inputs,
      INDArray target,
      SoftAssertions softly) {
    single.copyFrom(this);
    Map<String, INDArray> cast = new HashMap<>();
    inputs.forEach((name, array) -> cast.put(name, array.castTo(DataType.FLOAT)));
    double scale =
        Math.sqrt(
            expected.of().values().stream()
                .mapToDouble(g -> Math.pow(g.norm2Number().doubleValue(), 2))
                .sum());
    try (Gradients gradients =
        new Gradients(
            single.runner.gradients(cast, target.castTo(DataType.FLOAT), single.names()))) {
      softly.assertThat(gradients.loss()).isCloseTo(expected.loss(), within(1e-4));
      gradients
          .of()
          .forEach(
              (name, gradient) ->
                  softly
                      .assertThat(
                          gradient
                              .castTo(DataType.DOUBLE)
                              .sub(expected.of().get(name))
                              .norm2Number()
                              .doubleValue())
                      .as("error of the FLOAT gradient by %s", name)
                      .isLessThan(1e-4 * scale));
    }
  }

  static INDArray gaussian(Random random, long... shape) {
    int length = 1;
    for (long size : shape) {
      length *= (int) size;
    }
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = random.nextGaussian();
    }
    return Nd4j.create(values, shape, DataType.DOUBLE);
  }
}
