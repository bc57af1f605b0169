package org.diffusion4j.training;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.pretrained.Checkpoint;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The folder of a training's checkpoints: one directory each, named by the step. */
record CheckpointFolder(Path directory) {

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointFolder.class);
  private static final Pattern NAME = Pattern.compile("step-(\\d{8,18})");
  private static final Pattern LEFTOVER =
      Pattern.compile("\\.{1,2}step-(\\d{8,18})\\.(.*)\\.(tmp|old)");

  /**
   * The suffix of complete directories that {@link AtomicFiles} moved away to replace them; after a
   * kill they are restored.
   */
  private static final String REPLACED = "old";

  /** Maximum number of characters quoted from another message. */
  private static final int MESSAGE = 160;

  Path at(long step) {
    return directory.resolve(String.format(Locale.ROOT, "step-%08d", step));
  }

  /** Reads a checkpoint. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * @throws IOException if the checkpoint is damaged; the previous one is then used
     */
    T read(Checkpoint checkpoint) throws IOException;
  }

  /** The newest complete checkpoint; damaged ones are named in a warning. */
  Optional<Checkpoint> newestComplete() throws IOException {
    return newest(checkpoint -> checkpoint);
  }

  /** Reads the newest complete checkpoint; damaged ones are named in a warning. */
  <T> Optional<T> newest(Reader<T> reader) throws IOException {
    List<String> damaged = new ArrayList<>();
    for (Map.Entry<Long, Path> entry : byStep().descendingMap().entrySet()) {
      Path checkpoint = entry.getValue();
      try {
        T read = reader.read(Checkpoint.open(checkpoint));
        if (!damaged.isEmpty()) {
          LOG.warn("training resumes from {} because later checkpoints are damaged", checkpoint);
        }
        return Optional.of(read);
      } catch (IOException e) {
        if (Thread.currentThread().isInterrupted()) {
          // Too little memory, not damage, may be the reason.
          throw e;
        }
        LOG.warn("{}: is damaged: {}", checkpoint, withoutPath(checkpoint, e));
        damaged.add(checkpoint.getFileName() + withoutPath(checkpoint, e));
      }
    }
    if (!damaged.isEmpty()) {
      throw new IOException(
          directory
              + ": at least one checkpoint must be undamaged but "
              + Shown.text(damaged.get(0), MESSAGE)
              + (damaged.size() == 1 ? "" : " and " + (damaged.size() - 1) + " more are not"));
    }
    return Optional.empty();
  }

  /** The message without the path, which the caller adds. */
  private static String withoutPath(Path checkpoint, IOException e) {
    String message = String.valueOf(e.getMessage());
    String path = checkpoint.toString();
    return message.startsWith(path) ? message.substring(path.length()) : ": " + message;
  }

  /** Restores a checkpoint that a killed process had moved away to replace it. */
  void recover() throws IOException {
    Set<Long> there = byStep().keySet();
    for (Path file : leftovers()) {
      Matcher name = LEFTOVER.matcher(String.valueOf(file.getFileName()));
      // The other names belong to directories that are being written or deleted.
      if (name.matches() && name.group(3).equals(REPLACED)) {
        long step = Long.parseLong(name.group(1));
        if (!there.contains(step) && isComplete(file)) {
          Files.move(file, at(step), StandardCopyOption.ATOMIC_MOVE);
          there = byStep().keySet();
          LOG.warn("{}: is restored because its replacement was not completed", at(step));
        }
      }
    }
  }

  private static boolean isComplete(Path checkpoint) {
    try {
      Checkpoint.open(checkpoint);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Deletes old checkpoints, and unfinished ones of killed processes.
   *
   * @param kept how many to keep, not counting damaged ones later than the newest
   * @param newest step of the newest complete checkpoint
   * @param best step of another one to keep, or -1
   */
  void prune(int kept, long newest, long best) throws IOException {
    List<Path> old = new ArrayList<>();
    TreeMap<Long, Path> all = new TreeMap<>(byStep().headMap(newest, true));
    while (all.size() > kept) {
      var first = all.pollFirstEntry();
      if (first.getKey() != best) {
        old.add(first.getValue());
      }
    }
    for (Path checkpoint : old) {
      // Renamed first: a partly deleted checkpoint must not look like a damaged one.
      Path leftover = directory.resolve("." + checkpoint.getFileName() + ".old.tmp");
      Files.move(checkpoint, leftover, StandardCopyOption.ATOMIC_MOVE);
    }
    for (Path leftover : leftovers()) {
      MoreFiles.deleteRecursively(leftover, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  private List<Path> leftovers() throws IOException {
    return files(LEFTOVER);
  }

  boolean isEmpty() throws IOException {
    return byStep().isEmpty();
  }

  private TreeMap<Long, Path> byStep() throws IOException {
    TreeMap<Long, Path> found = new TreeMap<>();
    for (Path file : files(NAME)) {
      String name = String.valueOf(file.getFileName());
      found.put(Long.parseLong(name.substring(name.indexOf('-') + 1)), file);
    }
    return found;
  }

  private List<Path> files(Pattern name) throws IOException {
    requireDirectory();
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> name.matcher(String.valueOf(file.getFileName())).matches())
          .sorted()
          .toList();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  void requireDirectory() throws IOException {
    if (Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new IOException(directory + " must be a directory for checkpoints");
    }
  }
}
