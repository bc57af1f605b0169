package org.diffusion4j.unet;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import java.util.zip.CRC32C;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.internal.nn.WeightShapes;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The architecture of a network: everything that its graph is built from. Immutable; equal
 * architectures are equal.
 */
public sealed interface NetworkConfig
    permits UNetConfig,
        UNet2DConditionModel.Config,
        UNet1d.Config,
        Mlp.Config,
        NetworkConfig.Graph {

  /**
   * A network of this architecture with random weights.
   *
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory, or if the architecture is for
   *     fewer timesteps than the schedule has; nothing is allocated then
   */
  SameDiffDenoiser create(NoiseSchedule schedule, Prediction prediction, long seed);

  /**
   * A network of this architecture with random weights, which stores the settings of its scheduler:
   * {@link SameDiffDenoiser#scheduler}.
   *
   * @param scheduler gives the noise schedule and the kind of prediction
   * @param seed seed of the weights
   * @throws IllegalArgumentException as for the other method, or if settings are not supported
   */
  default SameDiffDenoiser create(SchedulerConfig scheduler, long seed) {
    SameDiffDenoiser model = create(scheduler.schedule(), scheduler.prediction(), seed);
    model.setScheduler(scheduler);
    return model;
  }

  /**
   * The names and shapes of the weights, in the graph's order. Nothing is built or allocated.
   *
   * <p>Dense weights are {@code [in, out]}, convolutions {@code [height, width, in, out]}.
   */
  Map<String, long[]> weightShapes();

  /**
   * The settings with the names of {@code config.json}: strings, booleans, {@code Integer}, {@code
   * Long}, {@code Double}, lists, maps, or null. The static method {@code fromJson} of each
   * architecture reads them.
   */
  Map<String, @Nullable Object> toJson();

  /**
   * The architecture of a custom graph: the graph without its weights.
   *
   * @param sampleShape the shape of one sample, without the batch
   * @param outputShape the shape of the output for one sample
   * @param weights the shapes of the weights by name
   * @param definition the graph in ND4J's FlatBuffers format, without the arrays of its weights, in
   *     base64
   */
  record Graph(
      List<Long> sampleShape,
      List<Long> outputShape,
      Map<String, List<Long>> weights,
      String definition)
      implements NetworkConfig {

    private static final String SAMPLE_SHAPE = "sample_shape";

    /** Written only if it is another one than that of a sample. */
    private static final String OUTPUT_SHAPE = "output_shape";

    private static final String WEIGHTS = "weights";
    private static final String DEFINITION = "graph";
    private static final String CHECKSUM = "graph_crc32c";

    public Graph {
      sampleShape = List.copyOf(sampleShape);
      outputShape = List.copyOf(outputShape);
      weights = Collections.unmodifiableMap(new TreeMap<>(weights));
    }

    /** The architecture of a graph whose output has the shape of a sample. */
    public Graph(List<Long> sampleShape, Map<String, List<Long>> weights, String definition) {
      this(sampleShape, sampleShape, weights, definition);
    }

    /**
     * @throws IllegalArgumentException if the graph cannot be written
     */
    static Graph of(SameDiff graph, long[] sampleShape, long[] outputShape) {
      return new Graph(
          LongStream.of(sampleShape).boxed().toList(),
          LongStream.of(outputShape).boxed().toList(),
          GraphDefinition.weights(graph),
          Base64.getEncoder().encodeToString(GraphDefinition.write(graph)));
    }

    /**
     * Reads what {@link #toJson} wrote.
     *
     * @param json settings by name
     * @param warnings receives a message about unknown settings, which are ignored
     * @throws IllegalArgumentException if a setting is missing or of another type, or if the graph
     *     does not match its checksum
     */
    public static Graph fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      JsonSettings settings = new JsonSettings(json);
      settings.warnOfUnknown(
          Set.of(SAMPLE_SHAPE, OUTPUT_SHAPE, WEIGHTS, DEFINITION, CHECKSUM), warnings);
      String definition = settings.text(DEFINITION);
      String checksum = settings.text(CHECKSUM);
      if (!checksum.equals(checksum(definition))) {
        throw new IllegalArgumentException(
            DEFINITION
                + " must have the checksum "
                + Shown.text(checksum)
                + " but has "
                + checksum(definition));
      }
      List<Long> sample = settings.shape(SAMPLE_SHAPE);
      List<Long> output = settings.has(OUTPUT_SHAPE) ? settings.shape(OUTPUT_SHAPE) : sample;
      return new Graph(sample, output, settings.shapes(WEIGHTS), definition);
    }

    @Override
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      json.put(SAMPLE_SHAPE, sampleShape);
      if (!outputShape.equals(sampleShape)) {
        json.put(OUTPUT_SHAPE, outputShape);
      }
      json.put(WEIGHTS, weights);
      json.put(DEFINITION, definition);
      json.put(CHECKSUM, checksum(definition));
      return json;
    }

    private static String checksum(String definition) {
      CRC32C sum = new CRC32C();
      sum.update(definition.getBytes(StandardCharsets.UTF_8));
      return String.format("%08x", sum.getValue());
    }

    @Override
    public Map<String, long[]> weightShapes() {
      Map<String, long[]> shapes = new LinkedHashMap<>();
      weights.forEach((name, shape) -> shapes.put(name, longs(shape)));
      return shapes;
    }

    private static long[] longs(List<Long> values) {
      return values.stream().mapToLong(Long::longValue).toArray();
    }

    /**
     * {@inheritDoc} Its weights are zeros, because a graph does not define their initialisation.
     *
     * @throws IllegalArgumentException also if the graph is damaged
     */
    @Override
    public SameDiffDenoiser create(NoiseSchedule schedule, Prediction prediction, long seed) {
      WeightShapes.requireMemory(weightShapes());
      SameDiff graph = GraphDefinition.read(bytes(), weightShapes());
      return new SameDiffDenoiser(
          graph, longs(sampleShape), longs(outputShape), schedule, prediction);
    }

    private byte[] bytes() {
      try {
        return Base64.getDecoder().decode(definition);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(DEFINITION + " must be base64 but is not", e);
      }
    }

    @Override
    public String toString() {
      return "Graph" + sampleShape + " with " + weights.size() + " weights";
    }
  }
}
