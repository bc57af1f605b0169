package org.diffusion4j.pretrained;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.UNet1d;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.diffusion4j.unet.UNetConfig;
import org.jspecify.annotations.Nullable;

/** The list of all kinds of networks in model directories. */
enum NetworkKind {
  UNET(
      "unet",
      DiffusersFormat.LIBRARY,
      "UNet2DModel",
      Map.of(
          "DDPMScheduler",
          "DDPMPipeline",
          "DDIMScheduler",
          "DDIMPipeline",
          "RePaintScheduler",
          "RePaintPipeline",
          "ScoreSdeVeScheduler",
          "ScoreSdeVePipeline"),
      "DDPMPipeline",
      WeightLayout.TORCH,
      UNetConfig.class,
      UNetConfig::fromJson),

  CONDITIONAL_UNET(
      "unet",
      DiffusersFormat.LIBRARY,
      "UNet2DConditionModel",
      Map.of(),
      "UNet2DConditionPipeline",
      WeightLayout.TORCH,
      UNet2DConditionModel.Config.class,
      UNet2DConditionModel.Config::fromJson),

  UNET_1D(
      "unet",
      DiffusersFormat.OUR_LIBRARY,
      "UNet1d",
      Map.of(),
      "UNet1dPipeline",
      WeightLayout.TORCH,
      UNet1d.Config.class,
      UNet1d.Config::fromJson),

  MLP(
      "mlp",
      DiffusersFormat.OUR_LIBRARY,
      "Mlp",
      Map.of(),
      "MlpPipeline",
      WeightLayout.TORCH,
      Mlp.Config.class,
      Mlp.Config::fromJson),

  GRAPH(
      "graph",
      DiffusersFormat.OUR_LIBRARY,
      "SameDiffDenoiser",
      Map.of(),
      "GraphPipeline",
      WeightLayout.OWN,
      NetworkConfig.Graph.class,
      NetworkConfig.Graph::fromJson);

  /** Reads a configuration. */
  @FunctionalInterface
  private interface Reader {
    NetworkConfig read(Map<String, ? extends @Nullable Object> json, Consumer<String> warnings);
  }

  private final String folder;
  private final String library;
  private final String className;
  private final Map<String, String> pipelines;
  private final String otherPipeline;
  private final WeightLayout layout;
  private final Class<? extends NetworkConfig> type;
  private final Reader reader;

  /**
   * @param pipelines the pipeline's class for each scheduler class
   * @param otherPipeline the pipeline's class for other schedulers
   */
  NetworkKind(
      String folder,
      String library,
      String className,
      Map<String, String> pipelines,
      String otherPipeline,
      WeightLayout layout,
      Class<? extends NetworkConfig> type,
      Reader reader) {
    this.folder = folder;
    this.library = library;
    this.className = className;
    this.pipelines = pipelines;
    this.otherPipeline = otherPipeline;
    this.layout = layout;
    this.type = type;
    this.reader = reader;
  }

  static NetworkKind of(NetworkConfig config) {
    return Arrays.stream(values())
        .filter(kind -> kind.type.isInstance(config))
        .findAny()
        .orElseThrow(() -> new AssertionError(config.getClass()));
  }

  /** The kind of network of a pipeline class. */
  static Optional<NetworkKind> ofPipeline(String name) {
    return Arrays.stream(values()).filter(kind -> kind.allPipelines().contains(name)).findAny();
  }

  /** The kind of network of a class in {@code config.json}. */
  static Optional<NetworkKind> ofClass(@Nullable Object className) {
    return Arrays.stream(values()).filter(kind -> kind.className.equals(className)).findAny();
  }

  /** The pipeline classes that also exist in diffusers. */
  static Set<String> pipelinesOfDiffusers() {
    return UNET.allPipelines();
  }

  /** The classes of all kinds. */
  static List<String> classes() {
    return Arrays.stream(values()).map(kind -> kind.className).toList();
  }

  private Set<String> allPipelines() {
    Set<String> all = new TreeSet<>(pipelines.values());
    all.add(otherPipeline);
    return all;
  }

  String folder() {
    return folder;
  }

  String library() {
    return library;
  }

  String className() {
    return className;
  }

  WeightLayout layout() {
    return layout;
  }

  String pipeline(String scheduler) {
    return pipelines.getOrDefault(scheduler, otherPipeline);
  }

  NetworkConfig read(Map<String, @Nullable Object> json, Consumer<String> warnings) {
    return reader.read(json, warnings);
  }

  /** The content of {@code config.json}. */
  Map<String, @Nullable Object> write(NetworkConfig config) {
    Map<String, @Nullable Object> json = new TreeMap<>(config.toJson());
    json.put(DiffusersFormat.CLASS_NAME, className);
    if (library.equals(DiffusersFormat.LIBRARY)) {
      json.put(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    }
    return json;
  }

  /**
   * The settings that identify an architecture; empty for custom graphs, which are identified by
   * their weights.
   */
  Map<String, @Nullable Object> comparable(NetworkConfig config) {
    return this == GRAPH ? Map.of() : write(config);
  }
}
