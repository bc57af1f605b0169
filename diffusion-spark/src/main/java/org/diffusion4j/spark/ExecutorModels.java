package org.diffusion4j.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import org.diffusion4j.pretrained.PretrainedModel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models that an executor has loaded, which its tasks share. The one that was used last stays
 * loaded between tasks; others are freed when no task uses them.
 */
final class ExecutorModels {

  /** Tasks of an executor have nothing in common but its JVM. */
  static final ExecutorModels SHARED = new ExecutorModels();

  private static final Logger LOG = LoggerFactory.getLogger(ExecutorModels.class);

  private final Map<String, Loaded> models = new HashMap<>();

  private ExecutorModels() {}

  /** A model that a task uses. */
  final class Loaded implements AutoCloseable {

    private final PretrainedModel model;
    private int users;

    private Loaded(PretrainedModel model) {
      this.model = model;
    }

    PretrainedModel model() {
      return model;
    }

    /** Ends the use by one task. */
    @Override
    public void close() {
      synchronized (ExecutorModels.this) {
        users--;
      }
    }
  }

  /**
   * A model for a task, which is loaded if no other task has done so.
   *
   * @param key identifies the contents of the folder
   * @param folder a model directory
   * @return to be closed by the task
   */
  synchronized Loaded use(String key, SharedFolder folder) throws IOException {
    Loaded loaded = models.get(key);
    if (loaded == null) {
      freeUnused();
      loaded = new Loaded(load(folder));
      models.put(key, loaded);
      LOG.info("{}: loaded, {} parameters", folder, loaded.model.model().parameterCount());
    }
    loaded.users++;
    return loaded;
  }

  private void freeUnused() {
    for (Iterator<Loaded> all = models.values().iterator(); all.hasNext(); ) {
      Loaded old = all.next();
      if (old.users == 0) {
        all.remove();
        old.model.close();
      }
    }
  }

  private static PretrainedModel load(SharedFolder folder) throws IOException {
    Optional<Path> local = folder.local();
    if (local.isPresent()) {
      return PretrainedModel.loadFrozen(local.get());
    }
    Path copy = Files.createTempDirectory("diffusion4j-model-");
    try {
      folder.download(copy);
      return PretrainedModel.loadFrozen(copy);
    } finally {
      // A model that is loaded has its files open.
      LocalFolders.delete(copy);
    }
  }
}
