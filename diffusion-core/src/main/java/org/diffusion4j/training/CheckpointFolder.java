package org.diffusion4j.training;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.pretrained.Checkpoint;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The folder that a training's checkpoints lie in, one directory each, named by the step. */
record CheckpointFolder(Path directory) {

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointFolder.class);
  private static final Pattern NAME = Pattern.compile("step-(\\d{8,18})");
  private static final Pattern LEFTOVER = Pattern.compile("\\.step-\\d+\\..*\\.tmp");

  Path at(long step) {
    return directory.resolve(String.format(Locale.ROOT, "step-%08d", step));
  }

  /** The checkpoint of the latest step that is whole; damaged ones are named in a warning. */
  Optional<Checkpoint> newestWhole() throws IOException {
    List<String> damaged = new ArrayList<>();
    for (Path checkpoint : byStep().descendingMap().values()) {
      try {
        Checkpoint opened = Checkpoint.open(checkpoint);
        if (!damaged.isEmpty()) {
          LOG.warn("training resumes from {}, for what came later is damaged", checkpoint);
        }
        return Optional.of(opened);
      } catch (ClosedByInterruptException e) {
        throw e;
      } catch (IOException e) {
        LOG.warn("checkpoint {} is damaged: {}", checkpoint.getFileName(), e.getMessage());
        damaged.add(String.valueOf(e.getMessage()));
      }
    }
    if (!damaged.isEmpty()) {
      throw new IOException(
          directory + ": at least one checkpoint must be whole but " + String.join("; ", damaged));
    }
    return Optional.empty();
  }

  /**
   * Deletes all but the last few, and what killed processes left half written.
   *
   * @param kept how many stay, besides later ones than the newest, which are damaged
   * @param newest step of the newest that is whole
   * @param best step of one that stays as well, or -1
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
      // Under another name first: half deleted, it must not look like a damaged one.
      Path leftover = directory.resolve("." + checkpoint.getFileName() + ".old.tmp");
      Files.move(checkpoint, leftover, StandardCopyOption.ATOMIC_MOVE);
    }
    if (Files.isDirectory(directory)) {
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.toList()) {
          if (LEFTOVER.matcher(String.valueOf(file.getFileName())).matches()) {
            MoreFiles.deleteRecursively(file, RecursiveDeleteOption.ALLOW_INSECURE);
          }
        }
      }
    }
  }

  boolean isEmpty() throws IOException {
    return byStep().isEmpty();
  }

  private TreeMap<Long, Path> byStep() throws IOException {
    TreeMap<Long, Path> found = new TreeMap<>();
    if (Files.isDirectory(directory)) {
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.toList()) {
          Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
          if (name.matches()) {
            found.put(Long.parseLong(name.group(1)), file);
          }
        }
      }
    } else if (Files.exists(directory)) {
      throw new IOException(directory + " must be a directory to hold checkpoints");
    }
    return found;
  }
}
