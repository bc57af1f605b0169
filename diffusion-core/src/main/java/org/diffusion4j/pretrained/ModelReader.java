package org.diffusion4j.pretrained;

import static org.diffusion4j.internal.files.DiffusersFormat.CLASS_NAME;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.internal.nn.Frozen;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads model directories: a pipeline with its index, or a bare network. */
final class ModelReader {

  private static final Logger LOG = LoggerFactory.getLogger(ModelReader.class);

  private static final String WAY_OUT =
      "PretrainedModel.loadUNet(Path, NoiseSchedule, Prediction) reads a network alone";

  private final ModelIndex index;

  private ModelReader(ModelIndex index) {
    this.index = index;
  }

  /**
   * @param frozen whether the model only predicts, so that its weights stay in their files if they
   *     can
   */
  static PretrainedModel load(Path directory, boolean frozen) throws IOException {
    return new ModelReader(ModelIndex.read(directory, WAY_OUT)).load(frozen);
  }

  private PretrainedModel load(boolean frozen) throws IOException {
    Object pipeline = index.pipeline();
    NetworkKind kind =
        (pipeline instanceof String name
                ? NetworkKind.ofPipeline(name)
                : Optional.<NetworkKind>empty())
            .orElseThrow(
                () ->
                    new ModelFormatException(
                        index.file(),
                        "pipeline must be one of "
                            + NetworkKind.pipelinesOfDiffusers()
                            + " but is "
                            + Shown.text(pipeline)
                            + textToImage()));
    String found = index.className(kind.folder(), kind.library(), kind.className());
    if (!found.equals(kind.className())) {
      throw index.refuse(kind.folder(), kind.library() + ", " + kind.className());
    }
    warnOfOthers(kind.folder());
    SchedulerConfig scheduler = index.scheduler(DiffusersFormat.SCHEDULER);
    Provenance provenance = new Provenance(index.provenance());
    Path place = index.place(kind.folder(), DiffusersFormat.CONFIG);
    index.requireFile(place.resolve(DiffusersFormat.CONFIG));
    SameDiffDenoiser model =
        network(kind, place, null, frozen, config -> config.create(scheduler, 0));
    return PretrainedModel.of(model, scheduler, provenance);
  }

  /** What to do with a pipeline that has a text encoder. */
  private String textToImage() {
    return index.has("text_encoder")
        ? "; TextToImage of diffusion-text reads pipelines with a text encoder"
        : "";
  }

  /** Warns of parts that are not read. */
  private void warnOfOthers(String network) {
    Set<String> others = new TreeSet<>(index.entries().keySet());
    others.removeAll(Set.of(network, DiffusersFormat.SCHEDULER));
    others.removeIf(key -> key.startsWith("_") || !index.has(key));
    if (!others.isEmpty()) {
      LOG.warn("{}: parts that are unknown and ignored: {}", index.file(), Shown.list(others));
    }
  }

  /**
   * @param size height and width that replace those of the configuration, or null
   */
  static UNet loadUNet(
      Path directory, NoiseSchedule schedule, Prediction prediction, int @Nullable [] size)
      throws IOException {
    return (UNet)
        network(
            NetworkKind.UNET,
            directory,
            size,
            false,
            config -> config.create(schedule, prediction, 0));
  }

  static SameDiffDenoiser loadNetwork(Path directory, SchedulerConfig scheduler, boolean frozen)
      throws IOException {
    Path file = configOfNetwork(directory);
    Object className = Json.read(file).get(CLASS_NAME);
    NetworkKind kind =
        NetworkKind.ofClass(className)
            .orElseThrow(
                () ->
                    new ModelFormatException(
                        file,
                        CLASS_NAME
                            + " must be one of "
                            + NetworkKind.classes()
                            + " but is "
                            + Shown.text(className)));
    return network(kind, directory, null, frozen, config -> config.create(scheduler, 0));
  }

  private static SameDiffDenoiser network(
      NetworkKind kind,
      Path directory,
      int @Nullable [] size,
      boolean frozen,
      Function<NetworkConfig, SameDiffDenoiser> maker)
      throws IOException {
    Path file = configOfNetwork(directory);
    Map<String, @Nullable Object> json = new TreeMap<>(Json.read(file));
    requireClass(file, json, kind.className());
    if (size != null) {
      json.put("sample_size", List.of(size[0], size[1]));
    }
    NetworkConfig config;
    try {
      config = kind.read(json, warning -> LOG.warn("{}: {}", file, warning));
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
    ModelWeights weights = ModelWeights.find(config.weightShapes(), kind.layout(), directory);
    // A custom graph has arrays of its own.
    boolean stay = frozen && kind != NetworkKind.GRAPH && Frozen.isPossible();
    SameDiffDenoiser model;
    try {
      if (stay) {
        return Frozen.build(weights.source(), () -> maker.apply(config));
      }
      model = maker.apply(config);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
    boolean done = false;
    try {
      weights.load(model.weights());
      done = true;
      return model;
    } finally {
      if (!done) {
        model.close();
      }
    }
  }

  private static Path configOfNetwork(Path directory) throws IOException {
    AtomicFiles.recover(directory);
    Path parent = directory.toAbsolutePath().getParent();
    if (parent != null) {
      AtomicFiles.recover(parent);
    }
    Path file = directory.resolve(DiffusersFormat.CONFIG);
    ModelIndex.requireFile(file, directory, WAY_OUT);
    return file;
  }

  /** A configuration without a class, as in very old files, is accepted. */
  private static void requireClass(Path file, Map<String, @Nullable Object> json, String expected)
      throws ModelFormatException {
    Object found = json.get(CLASS_NAME);
    if (found != null && !expected.equals(found)) {
      throw new ModelFormatException(
          file, CLASS_NAME + " must be " + expected + " but is " + Shown.text(found));
    }
  }
}
