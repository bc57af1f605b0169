package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Grid;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
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

  private static final Pattern BLOCK =
      Pattern.compile(
          ".*?((resnets|attentions|downsamplers|upsamplers)\\.\\d+|resnet_(down|up)|skip_\\w+)");

  static Stream<Named<UNetParts>> architectures() {
    return named(Architectures.paired());
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void gradients_ofAnyArchitecture_addUpToFiniteDifferences(UNetParts config) {
    Random random = new Random(1);
    DoubleModel exact = model(config, DataType.DOUBLE);
    Map<String, INDArray> inputs = inputs(config, random);
    INDArray target = target(config, random);
    exact.unsettle(random);

    SoftAssertions softly = new SoftAssertions();
    try (Gradients gradients = exact.gradients(inputs, target)) {
      for (int i = 0; i < 2; i++) {
        exact.compare(exact.names(), gradients, inputs, target, random, softly);
      }
      exact.compareWithFloat(model(config, DataType.FLOAT), gradients, inputs, target, softly);
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
  void gradients_ofAnyBlock_areThoseOfFiniteDifferences(UNetParts config) {
    Random random = new Random(2);
    DoubleModel exact = model(config, DataType.DOUBLE);
    Map<String, INDArray> inputs = inputs(config, random);
    INDArray target = target(config, random);
    exact.unsettle(random);

    SoftAssertions softly = new SoftAssertions();
    try (Gradients gradients = exact.gradients(inputs, target)) {
      for (List<String> block : blocks(exact.names())) {
        exact.compare(block, gradients, inputs, target, random, softly);
      }
      exact.compareWithFloat(model(config, DataType.FLOAT), gradients, inputs, target, softly);
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

  private static String block(String name) {
    Matcher block = BLOCK.matcher(name);
    return block.lookingAt() ? block.group() : name.replaceAll("\\..*", "");
  }

  /** A block's weights together: a quarter of the differences of its layers. */
  private static Collection<List<String>> blocks(List<String> names) {
    return names.stream()
        .collect(
            Collectors.groupingBy(UNetGradientTest::block, LinkedHashMap::new, Collectors.toList()))
        .values();
  }

  /** Softmax takes no notice of what is added to all scores of a query. */
  private static boolean vanishes(String name) {
    return name.endsWith("to_k.bias");
  }

  private static Map<String, INDArray> inputs(UNetParts config, Random random) {
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, DoubleModel.gaussian(random, shape(config, config.sampleChannels())));
    if (config.pictureChannels() > 0) {
      inputs.put(
          Graphs.PICTURES, DoubleModel.gaussian(random, shape(config, config.pictureChannels())));
    }
    inputs.put(Graphs.TIMESTEP, column(3, 70));
    switch (config.classes().embedding()) {
      case TABLE -> inputs.put(Graphs.CLASS, Nd4j.eye(3).castTo(DataType.DOUBLE).getRows(2, 0));
      case TIMESTEP -> inputs.put(Graphs.CLASS, column(2, 5));
      default -> assertThat(config.classes().count()).isEmpty();
    }
    return inputs;
  }

  private static DoubleModel model(UNetParts config, DataType type) {
    return new DoubleModel(
        UNetGraph.build(config, new Layers(config.grid(), 7, type)), Set.of(Graphs.SAMPLE));
  }

  private static INDArray target(UNetParts config, Random random) {
    return DoubleModel.gaussian(random, shape(config, config.outChannels()));
  }

  private static long[] shape(UNetParts config, int channels) {
    return config.grid() == Grid.LINE
        ? new long[] {DoubleModel.BATCH, channels, config.width()}
        : new long[] {DoubleModel.BATCH, channels, config.height(), config.width()};
  }

  private static INDArray column(double... values) {
    return Nd4j.create(values, new long[] {values.length, 1}, DataType.DOUBLE);
  }
}
