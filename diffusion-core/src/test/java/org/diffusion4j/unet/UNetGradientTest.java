package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.samediff.SessionGraph;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Checks the gradients of every weight and of the input against differences of the loss.
 *
 * <p>The graph computes in DOUBLE: with a step of 1e-5 the central difference of a loss near 1 is
 * then good to about 1e-10, where FLOAT would leave two digits. The FLOAT gradients that training
 * uses are compared with the DOUBLE ones.
 */
class UNetGradientTest {

  private static final double STEP = 1e-5;
  private static final int BATCH = 2;

  static Stream<Named<UNetParts>> architectures() {
    return named(Architectures.all());
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void gradients_ofAnyArchitecture_addUpToFiniteDifferences(UNetParts config) {
    Random random = new Random(1);
    Model exact = new Model(config, DataType.DOUBLE);
    Map<String, INDArray> inputs = inputs(config, random);
    INDArray target = target(config, random);
    exact.unsettle(random);

    SoftAssertions softly = new SoftAssertions();
    try (Gradients gradients = exact.gradients(inputs, target)) {
      for (int i = 0; i < 2; i++) {
        exact.compare(exact.names(), gradients, inputs, target, random, softly);
      }
      compareWithFloat(config, exact, gradients, inputs, target, softly);
    }
    softly.assertAll();
  }

  static Stream<Named<UNetParts>> combinations() {
    UNet1d.Config series = UNet1d.Config.of(2, 12, 4, 8, 8).withLayersPerBlock(1).withNormGroups(2);
    return Stream.concat(
        named(Architectures.combined()),
        Stream.of(
            Named.of("series, attention, class table", series.withClasses(3, false).parts())));
  }

  private static Stream<Named<UNetParts>> named(Map<String, UNetConfig> configs) {
    return configs.entrySet().stream().map(e -> Named.of(e.getKey(), UNetParts.of(e.getValue())));
  }

  @ParameterizedTest
  @MethodSource("combinations")
  void gradients_ofAnyLayer_areThoseOfFiniteDifferences(UNetParts config) {
    Random random = new Random(2);
    Model exact = new Model(config, DataType.DOUBLE);
    Map<String, INDArray> inputs = inputs(config, random);
    INDArray target = target(config, random);
    exact.unsettle(random);

    SoftAssertions softly = new SoftAssertions();
    try (Gradients gradients = exact.gradients(inputs, target)) {
      for (List<String> layer : layers(exact.names())) {
        exact.compare(layer, gradients, inputs, target, random, softly);
      }
      for (String name : exact.names()) {
        double norm = gradients.of().get(name).norm2Number().doubleValue();
        if (vanishes(name)) {
          softly.assertThat(norm).as("norm of the gradient by %s", name).isLessThan(1e-12);
        } else {
          softly.assertThat(norm).as("norm of the gradient by %s", name).isGreaterThan(1e-7);
        }
      }
    }
    softly.assertAll();
  }

  /** A layer's weight and bias together: half as many differences to take. */
  private static Collection<List<String>> layers(List<String> names) {
    return names.stream()
        .collect(
            Collectors.groupingBy(
                name -> name.substring(0, Math.max(0, name.lastIndexOf('.'))),
                LinkedHashMap::new,
                Collectors.toList()))
        .values();
  }

  /** Softmax takes no notice of what is added to all scores of a query. */
  private static boolean vanishes(String name) {
    return name.endsWith("to_k.bias");
  }

  private static void compareWithFloat(
      UNetParts config,
      Model exact,
      Gradients expected,
      Map<String, INDArray> inputs,
      INDArray target,
      SoftAssertions softly) {
    Model single = new Model(config, DataType.FLOAT);
    single.copyFrom(exact);
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

  private static Map<String, INDArray> inputs(UNetParts config, Random random) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, gaussian(random, shape(config, config.inChannels())));
    inputs.put(Graphs.TIMESTEP, column(3, 70));
    switch (config.classes().embedding()) {
      case TABLE -> inputs.put(Graphs.CLASS, Nd4j.eye(3).castTo(DataType.DOUBLE).getRows(2, 0));
      case TIMESTEP -> inputs.put(Graphs.CLASS, column(2, 5));
      default -> assertThat(config.classes().count()).isEmpty();
    }
    return inputs;
  }

  private static INDArray target(UNetParts config, Random random) {
    return gaussian(random, shape(config, config.outChannels()));
  }

  private static long[] shape(UNetParts config, int channels) {
    return config.grid() == Grid.LINE
        ? new long[] {BATCH, channels, config.width()}
        : new long[] {BATCH, channels, config.height(), config.width()};
  }

  private static INDArray column(double... values) {
    return Nd4j.create(values, new long[] {values.length, 1}, DataType.DOUBLE);
  }

  private static INDArray gaussian(Random random, long... shape) {
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

  /** A U-Net's graph that computes in a type of choice. */
  private static final class Model {

    final SameDiff graph;
    final GraphRunner runner;

    Model(UNetParts config, DataType type) {
      graph = UNetGraph.build(config, new Layers(config.grid(), 7, type));
      runner = new GraphRunner(graph);
    }

    List<String> names() {
      List<String> names = new ArrayList<>();
      for (SDVariable variable : graph.variables()) {
        if (variable.getVariableType() == VariableType.VARIABLE) {
          names.add(variable.name());
        }
      }
      names.add(Graphs.SAMPLE);
      return names;
    }

    INDArray values(String name, Map<String, INDArray> inputs) {
      return name.equals(Graphs.SAMPLE) ? inputs.get(name) : graph.getVariable(name).getArr();
    }

    /** Moves every weight, so that no scale is exactly 1 and no shift exactly 0. */
    void unsettle(Random random) {
      for (String name : names()) {
        if (!name.equals(Graphs.SAMPLE)) {
          INDArray values = graph.getVariable(name).getArr();
          values.addi(gaussian(random, values.shape()).mul(0.1));
        }
      }
    }

    void copyFrom(Model other) {
      for (String name : names()) {
        if (!name.equals(Graphs.SAMPLE)) {
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
  }
}
