package org.diffusion4j.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.pretrained.Checkpoint;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the checkpoints of a local directory, where a trainer writes and deletes them, also in a
 * shared folder.
 */
final class CheckpointMirror implements TrainingListener {

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointMirror.class);
  private static final String NAME = "step-\\d{8,18}";

  private final SharedFolder folder;
  private final Path local;
  private final Set<String> mirrored = new HashSet<>();

  CheckpointMirror(SharedFolder folder, Path local) {
    this.folder = folder;
    this.local = local;
  }

  /** The names of a folder's checkpoints, the oldest first. */
  static List<String> names(SharedFolder folder) throws IOException {
    return folder.list().stream().filter(name -> name.matches(NAME)).toList();
  }

  /**
   * Copies all checkpoints from the shared folder.
   *
   * @return the name of the newest that is whole
   */
  Optional<String> fetchAll() throws IOException {
    Optional<String> newest = Optional.empty();
    for (String name : names(folder)) {
      if (fetch(name)) {
        newest = Optional.of(name);
      }
    }
    return newest;
  }

  /** Copies a checkpoint; whether it is whole. A damaged one is not kept. */
  boolean fetch(String name) throws IOException {
    Path copy = local.resolve(name);
    try {
      folder.resolve(name).download(copy);
      Checkpoint.open(copy);
      mirrored.add(name);
      return true;
    } catch (IOException e) {
      LOG.warn("{}/{}: is not used: {}", folder, name, e.getMessage());
      LocalFolders.delete(copy);
      return false;
    }
  }

  @Override
  public void onStep(Step step) {}

  @Override
  public void onCheckpoint(long step, Path directory) {
    try {
      folder.upload(directory, String.valueOf(directory.getFileName()));
      List<String> kept = LocalFolders.list(local).stream().filter(n -> n.matches(NAME)).toList();
      for (String name : Set.copyOf(mirrored)) {
        if (!kept.contains(name)) {
          folder.delete(name);
        }
      }
      mirrored.clear();
      mirrored.addAll(kept);
    } catch (IOException e) {
      throw new UncheckedIOException(
          folder + ": checkpoint of step " + step + " could not be written: " + e.getMessage(), e);
    }
  }
}
