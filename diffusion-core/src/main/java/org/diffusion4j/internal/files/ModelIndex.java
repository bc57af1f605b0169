package org.diffusion4j.internal.files;

import static org.diffusion4j.internal.files.DiffusersFormat.CLASS_NAME;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The index of a model directory, {@code model_index.json}: the pipeline's class, and for each part
 * its library and its class, or two nulls.
 */
public final class ModelIndex {

  private static final Logger LOG = LoggerFactory.getLogger(ModelIndex.class);

  private final Path directory;
  private final String wayOut;
  private final Map<String, @Nullable Object> entries;

  private ModelIndex(Path directory, String wayOut) throws IOException {
    this.directory = directory;
    this.wayOut = wayOut;
    AtomicFiles.recover(directory);
    if (!Files.exists(file()) && Files.exists(directory.resolve(DiffusersFormat.CONFIG))) {
      throw new ModelFormatException(
          file(), "does not exist, so that the directory is that of a network; " + wayOut);
    }
    requireFile(file());
    entries = Collections.unmodifiableMap(Json.read(file()));
  }

  /**
   * Reads an index.
   *
   * @param wayOut what a user can do about a missing or unsupported part, for messages
   */
  public static ModelIndex read(Path directory, String wayOut) throws IOException {
    return new ModelIndex(directory, wayOut);
  }

  /** The index itself. */
  public Path file() {
    return directory.resolve(DiffusersFormat.INDEX);
  }

  /** All entries, in the order of the file. */
  public Map<String, @Nullable Object> entries() {
    return entries;
  }

  /** The class of the pipeline: usually a string. */
  public @Nullable Object pipeline() {
    return entries.get(CLASS_NAME);
  }

  /** Whether there is a part, with or without a class; absent parts are written as two nulls. */
  public boolean has(String part) {
    Object entry = entries.get(part);
    return !DiffusersFormat.isNeutral(entry)
        && !(entry instanceof List<?> pair && pair.stream().allMatch(DiffusersFormat::isNeutral));
  }

  /**
   * The class of a part.
   *
   * @param library the library that must have it
   * @param example one of the library's classes, for the message
   */
  public String className(String part, String library, String example) throws ModelFormatException {
    if (entries.get(part) instanceof List<?> pair
        && pair.size() == 2
        && library.equals(pair.get(0))
        && pair.get(1) instanceof String className) {
      return className;
    }
    throw refuse(part, library + ", " + example);
  }

  /** The exception for a part that is missing or of another class than expected. */
  public ModelFormatException refuse(String part, String expected) {
    return new ModelFormatException(
        file(),
        part
            + " must be ["
            + expected
            + "] but "
            + (entries.containsKey(part) ? "is " + Shown.text(entries.get(part)) : "is missing")
            + "; "
            + wayOut);
  }

  /** The folder of a part or, if there is none, that of the model, as in diffusers. */
  public Path place(String part, String file) {
    Path folder = directory.resolve(part);
    boolean flat = !Files.isDirectory(folder) && Files.exists(directory.resolve(file));
    return flat ? directory : folder;
  }

  /** The scheduler that the index names, with the settings of its file. */
  public SchedulerConfig scheduler(String part) throws IOException {
    String className = className(part, DiffusersFormat.LIBRARY, "DDPMScheduler");
    Path file =
        place(part, DiffusersFormat.SCHEDULER_CONFIG).resolve(DiffusersFormat.SCHEDULER_CONFIG);
    requireFile(file);
    Map<String, @Nullable Object> settings = new TreeMap<>(Json.read(file));
    Object own = settings.remove(CLASS_NAME);
    if (own == null) {
      return checked(new SchedulerConfig(className, settings), file());
    }
    if (!(own instanceof String name)) {
      throw new ModelFormatException(
          file, CLASS_NAME + " must be a string but is " + Shown.text(own));
    }
    SchedulerConfig config = checked(new SchedulerConfig(name, settings), file);
    if (name.equals(className)) {
      return config;
    }
    SchedulerConfig believed = checked(new SchedulerConfig(className, settings), file());
    LOG.warn(
        "{}: scheduler is {} but in {} {}; the index is believed, as in diffusers",
        file(),
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

  /** Writes a scheduler's settings to an empty folder. */
  public static void writeScheduler(Path folder, SchedulerConfig scheduler) throws IOException {
    Map<String, @Nullable Object> json = new TreeMap<>(scheduler.settings());
    json.put(CLASS_NAME, scheduler.className());
    json.putIfAbsent(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    Json.write(folder.resolve(DiffusersFormat.SCHEDULER_CONFIG), json);
  }

  /** The facts about the model's origin; none if there is no file with them. */
  public Map<String, String> provenance() throws IOException {
    Path file = directory.resolve(DiffusersFormat.PROVENANCE);
    if (!Files.exists(file)) {
      return Map.of();
    }
    Map<String, String> facts = new LinkedHashMap<>();
    Json.read(file).forEach((name, value) -> facts.put(name, String.valueOf(value)));
    return facts;
  }

  /**
   * Writes a model directory under a temporary name and renames it when it is complete.
   *
   * @param directory an existing one is replaced if it is empty or contains an index
   * @param writer writes to an empty directory
   * @throws IOException if it cannot be written, or if the path is something else
   */
  public static void writeDirectory(Path directory, AtomicFiles.Writer writer) throws IOException {
    writeDirectory(directory, DiffusersFormat.INDEX, writer);
  }

  /**
   * The same for a directory without an index.
   *
   * @param mark the file by which a directory that may be replaced is known
   */
  public static void writeDirectory(Path directory, String mark, AtomicFiles.Writer writer)
      throws IOException {
    AtomicFiles.recover(directory);
    if (Files.exists(directory) && !replaceable(directory, mark)) {
      throw new IOException(
          directory + " must have a " + mark + ", or be empty or absent, to be written");
    }
    AtomicFiles.writeDirectory(directory, writer);
  }

  private static boolean replaceable(Path directory, String mark) throws IOException {
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (Stream<Path> files = Files.list(directory)) {
      return Files.exists(directory.resolve(mark)) || files.findAny().isEmpty();
    }
  }

  /** Checks that a file exists; otherwise the message lists what exists instead. */
  public void requireFile(Path file) throws IOException {
    requireFile(file, directory, wayOut);
  }

  /** {@link #requireFile(Path)} in a directory without an index. */
  public static void requireFile(Path file, Path directory, String wayOut) throws IOException {
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
            + wayOut);
  }
}
