package org.diffusion4j.pretrained;

import static org.diffusion4j.internal.files.DiffusersFormat.CLASS_NAME;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelWeights;
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

  private final Path directory;
  private final Path indexFile;
  private final Map<String, @Nullable Object> index;

  private ModelReader(Path directory) throws IOException {
    this.directory = directory;
    indexFile = directory.resolve(DiffusersFormat.INDEX);
    AtomicFiles.recover(directory);
    if (!Files.exists(indexFile) && Files.exists(directory.resolve(DiffusersFormat.CONFIG))) {
      throw new ModelFormatException(
          indexFile, "does not exist, so that the directory is that of a network; " + WAY_OUT);
    }
    requireFile(indexFile, directory);
    index = Json.read(indexFile);
  }

  static PretrainedModel load(Path directory) throws IOException {
    return new ModelReader(directory).load();
  }

  private PretrainedModel load() throws IOException {
    Object pipeline = index.get(CLASS_NAME);
    NetworkKind kind =
        (pipeline instanceof String name
                ? NetworkKind.ofPipeline(name)
                : Optional.<NetworkKind>empty())
            .orElseThrow(
                () ->
                    new ModelFormatException(
                        indexFile,
                        "pipeline must be one of "
                            + NetworkKind.pipelinesOfDiffusers()
                            + " but is "
                            + Shown.text(pipeline)));
    String found = indexed(kind.folder(), kind.library(), kind.className());
    if (!found.equals(kind.className())) {
      throw refuse(kind.folder(), kind.library() + ", " + kind.className());
    }
    warnOfOthers(kind.folder());
    SchedulerConfig scheduler = scheduler();
    Provenance provenance = provenance();
    Path place = place(kind.folder(), DiffusersFormat.CONFIG);
    requireFile(place.resolve(DiffusersFormat.CONFIG), directory);
    SameDiffDenoiser model = network(kind, place, null, config -> config.create(scheduler, 0));
    return PretrainedModel.of(model, scheduler, provenance);
  }

  /** The class of a component according to the index. */
  private String indexed(String part, String library, String example) throws ModelFormatException {
    if (index.get(part) instanceof List<?> pair
        && pair.size() == 2
        && library.equals(pair.get(0))
        && pair.get(1) instanceof String className) {
      return className;
    }
    throw refuse(part, library + ", " + example);
  }

  private ModelFormatException refuse(String part, String expected) {
    return new ModelFormatException(
        indexFile,
        part
            + " must be ["
            + expected
            + "] but "
            + (index.containsKey(part) ? "is " + Shown.text(index.get(part)) : "is missing")
            + "; "
            + WAY_OUT);
  }

  /** Absent components are written as two nulls. */
  private void warnOfOthers(String network) {
    Set<String> others = new TreeSet<>(index.keySet());
    others.removeAll(Set.of(network, DiffusersFormat.SCHEDULER));
    others.removeIf(
        key ->
            key.startsWith("_")
                || DiffusersFormat.isNeutral(index.get(key))
                || (index.get(key) instanceof List<?> pair
                    && pair.stream().allMatch(DiffusersFormat::isNeutral)));
    if (!others.isEmpty()) {
      LOG.warn("{}: parts that are unknown and ignored: {}", indexFile, Shown.list(others));
    }
  }

  /** The folder of a component or, if there is none, that of the model, as in diffusers. */
  private Path place(String part, String file) {
    Path folder = directory.resolve(part);
    boolean flat = !Files.isDirectory(folder) && Files.exists(directory.resolve(file));
    return flat ? directory : folder;
  }

  /** The scheduler that the index names, with the settings of its file. */
  private SchedulerConfig scheduler() throws IOException {
    String className = indexed(DiffusersFormat.SCHEDULER, DiffusersFormat.LIBRARY, "DDPMScheduler");
    Path file =
        place(DiffusersFormat.SCHEDULER, DiffusersFormat.SCHEDULER_CONFIG)
            .resolve(DiffusersFormat.SCHEDULER_CONFIG);
    requireFile(file, directory);
    Map<String, @Nullable Object> settings = new TreeMap<>(Json.read(file));
    Object own = settings.remove(CLASS_NAME);
    if (own == null) {
      return checked(new SchedulerConfig(className, settings), indexFile);
    }
    if (!(own instanceof String name)) {
      throw new ModelFormatException(
          file, CLASS_NAME + " must be a string but is " + Shown.text(own));
    }
    SchedulerConfig config = checked(new SchedulerConfig(name, settings), file);
    if (name.equals(className)) {
      return config;
    }
    SchedulerConfig believed = checked(new SchedulerConfig(className, settings), indexFile);
    LOG.warn(
        "{}: scheduler is {} but in {} {}; the index is believed, as in diffusers",
        indexFile,
        className,
        file.getFileName(),
        name);
    return believed;
  }

  private static SchedulerConfig checked(SchedulerConfig config, Path file)
      throws ModelFormatException {
    try {
      config.schedule();
      config.prediction();
      return config;
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
  }

  private Provenance provenance() throws IOException {
    Path file = directory.resolve(DiffusersFormat.PROVENANCE);
    if (!Files.exists(file)) {
      return Provenance.unknown();
    }
    Map<String, String> facts = new LinkedHashMap<>();
    Json.read(file).forEach((name, value) -> facts.put(name, String.valueOf(value)));
    return new Provenance(facts);
  }

  /** Checks that a file exists; otherwise the message lists what exists instead. */
  private static void requireFile(Path file, Path directory) throws IOException {
    if (Files.exists(file)) {
      return;
    }
    if (!Files.isDirectory(directory)) {
      throw new ModelFormatException(
          directory, Files.exists(directory) ? "must be a directory" : "does not exist");
    }
    List<String> folders;
    try (Stream<Path> paths = Files.list(directory)) {
      folders =
          paths
              .filter(Files::isDirectory)
              .map(path -> path.getFileName() + "/")
              .filter(name -> !name.startsWith("."))
              .sorted()
              .toList();
    }
    throw new ModelFormatException(
        file,
        "does not exist; "
            + (folders.isEmpty() ? "" : "there is " + Shown.list(folders) + "; ")
            + WAY_OUT);
  }

  /**
   * @param size height and width that replace those of the configuration, or null
   */
  static UNet loadUNet(
      Path directory, NoiseSchedule schedule, Prediction prediction, int @Nullable [] size)
      throws IOException {
    return (UNet)
        network(
            NetworkKind.UNET, directory, size, config -> config.create(schedule, prediction, 0));
  }

  private static SameDiffDenoiser network(
      NetworkKind kind,
      Path directory,
      int @Nullable [] size,
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
    SameDiffDenoiser model;
    try {
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
    requireFile(file, directory);
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
