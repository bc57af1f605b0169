package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.pretrained.Checkpoint;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes a training's checkpoints and reads them again. */
final class Saver {

  private static final Logger LOG = LoggerFactory.getLogger(Saver.class);

  private static final String WEIGHTS = "weights";
  private static final String AVERAGE = "average";
  private static final String OPTIMIZER = "optimizer";

  private final Checkpoints checkpoints;
  private final CheckpointFolder folder;
  private final Settings settings;
  private final SameDiffDenoiser model;
  private final Optimizer.Run optimizer;
  private final @Nullable WeightAverage average;
  private final Feed feed;
  private final LossStatistics losses;
  private double bestLoss = Double.POSITIVE_INFINITY;
  private long bestStep = -1;
  private long savedStep = -1;
  private boolean ours;
  private long savedAt = System.nanoTime();

  Saver(
      Checkpoints checkpoints,
      Settings settings,
      Optimizer.Run optimizer,
      @Nullable WeightAverage average,
      Feed feed,
      LossStatistics losses) {
    this.checkpoints = checkpoints;
    this.folder = new CheckpointFolder(checkpoints.directory());
    this.settings = settings;
    this.model = settings.model();
    this.optimizer = optimizer;
    this.average = average;
    this.feed = feed;
    this.losses = losses;
  }

  /** Saves if steps or time say so. */
  void saveIfDue(long step, TrainingListener listener) {
    boolean bySteps = checkpoints.steps() > 0 && step % checkpoints.steps() == 0;
    long waited = System.nanoTime() - savedAt;
    boolean byTime = checkpoints.interval().map(i -> waited >= i.toNanos()).orElse(false);
    if (bySteps || byTime) {
      saveIfNew(step, listener);
    }
  }

  void saveIfNew(long step, TrainingListener listener) {
    if (step > 0 && step != savedStep) {
      save(step, listener);
    }
  }

  /** Saves if a validation loss is the least so far. */
  void saveIfBest(long step, double loss, TrainingListener listener) {
    if (loss < bestLoss) {
      bestLoss = loss;
      bestStep = step;
      save(step, listener);
    }
  }

  /**
   * Sees to it that training from the beginning does not write among the checkpoints of another.
   *
   * @throws IllegalStateException if there are some and {@link #resume} was not called
   */
  void requireOwnFolder() {
    try {
      if (!ours && !folder.isEmpty()) {
        throw new IllegalStateException(
            folder.directory()
                + " must hold no checkpoints of another training but does; resume it, or choose"
                + " another directory");
      }
      ours = true;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void save(long step, TrainingListener listener) {
    requireOwnFolder();
    try {
      Uninterrupted.run(() -> write(step));
      savedStep = step;
      savedAt = System.nanoTime();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "checkpoint of step "
              + step
              + " could not be written, those before it are unchanged: "
              + e.getMessage(),
          e);
    }
    prune(step);
    listener.onCheckpoint(step, folder.at(step));
  }

  /** Deletes old checkpoints; the next save tries again if that fails. */
  private void prune(long step) {
    try {
      folder.prune(checkpoints.kept(), step, bestStep);
    } catch (IOException e) {
      LOG.warn("old checkpoints could not be deleted", e);
    }
  }

  private void write(long step) throws IOException {
    Map<String, INDArray> weights = new LinkedHashMap<>(model.weights());
    Map<String, Map<String, INDArray>> tensors = new LinkedHashMap<>();
    tensors.put(WEIGHTS, model.parameters());
    tensors.put(OPTIMIZER, optimizer.state());
    if (average != null) {
      weights.putAll(average.of());
      tensors.put(AVERAGE, average.of());
    }
    Checkpoint.write(folder.at(step), pretrained(step), weights, tensors, state(step));
  }

  /** What the model directory says; null for graphs that have no such directory. */
  private @Nullable PretrainedModel pretrained(long step) {
    if (!(model instanceof UNet || model instanceof Mlp)) {
      return null;
    }
    PretrainedModel pretrained =
        PretrainedModel.of(model).withProvenance(checkpoints.provenance().with("steps", step));
    return checkpoints.scheduler().map(pretrained::withScheduler).orElse(pretrained);
  }

  private Map<String, @Nullable Object> state(long step) {
    Map<String, @Nullable Object> state = new TreeMap<>();
    state.put("format", 1);
    state.put("step", step);
    state.put("best_step", bestStep);
    state.put("best_loss", bestLoss);
    state.put("data", feed.state());
    state.put("losses", losses.state());
    state.put("settings", settings.described());
    state.put("architecture", Checkpoint.architecture(model));
    state.put("prediction", model.prediction().name());
    state.put("alpha_bars", alphaBars(model.schedule()));
    return state;
  }

  private static List<Double> alphaBars(NoiseSchedule schedule) {
    return IntStream.range(0, schedule.steps()).mapToObj(schedule::alphaBar).toList();
  }

  /**
   * Reads the newest whole checkpoint, if there is one.
   *
   * @return the number of steps done
   */
  long resume() throws IOException {
    Uninterrupted.run(
        () -> {
          Optional<Checkpoint> newest = folder.newestWhole();
          if (newest.isPresent()) {
            restore(newest.get());
          }
        });
    ours = true;
    return Math.max(0, savedStep);
  }

  private void restore(Checkpoint checkpoint) throws IOException {
    StateReader state = new StateReader(checkpoint.state());
    requireSame(state);
    if (checkpoint.has(AVERAGE) != (average != null)) {
      throw new IllegalArgumentException(
          "ema must be as in the checkpoint, "
              + (average == null ? "which has averaged weights" : "which has no averaged weights"));
    }
    checkpoint.read(OPTIMIZER, optimizer.state());
    if (average != null) {
      checkpoint.read(AVERAGE, average.of());
    }
    checkpoint.read(WEIGHTS, model.parameters());
    model.parameters(); // Predictions read the weights anew.
    long step = state.integer("step");
    optimizer.resumeAt(Math.toIntExact(step));
    losses.restore(state.object("losses"));
    feed.restore(state.object("data"));
    bestStep = state.integer("best_step");
    bestLoss = state.number("best_loss");
    // A process that was killed may not have come to it.
    prune(step);
    savedStep = step;
    LOG.info("training resumes at step {}", step);
  }

  private void requireSame(StateReader state) {
    List<String> differences = new ArrayList<>();
    Map<String, @Nullable Object> saved = state.object("architecture").values();
    Map<String, @Nullable Object> ours = Checkpoint.architecture(model);
    TreeSet<String> keys = new TreeSet<>(saved.keySet());
    keys.addAll(ours.keySet());
    for (String key : keys) {
      compare(differences, key, saved.get(key), ours.get(key));
    }
    compare(differences, "prediction", state.text("prediction"), model.prediction().name());
    compareSchedules(differences, state);
    if (!differences.isEmpty()) {
      throw new IllegalArgumentException(
          "the model must be that of the checkpoint but " + String.join("; ", differences));
    }
    Map<String, @Nullable Object> savedSettings = state.object("settings").values();
    settings
        .described()
        .forEach(
            (name, value) -> {
              if (!Objects.equals(savedSettings.get(name), value)) {
                LOG.warn(
                    "{} is {} from now on, it was {} until the checkpoint",
                    name,
                    value,
                    savedSettings.get(name));
              }
            });
  }

  private void compareSchedules(List<String> differences, StateReader state) {
    if (!(state.values().get("alpha_bars") instanceof List<?> saved)) {
      throw new IllegalArgumentException("alpha_bars must be a list");
    }
    List<Double> ours = alphaBars(model.schedule());
    compare(differences, "the schedule's number of steps", saved.size(), ours.size());
    for (int t = 0; t < Math.min(saved.size(), ours.size()); t++) {
      if (!Objects.equals(saved.get(t), ours.get(t))) {
        compare(differences, "alphaBar(" + t + ")", saved.get(t), ours.get(t));
        break;
      }
    }
  }

  private static void compare(
      List<String> differences, String what, @Nullable Object saved, @Nullable Object ours) {
    if (!String.valueOf(saved).equals(String.valueOf(ours))) {
      differences.add(what + " is " + saved + " there and " + ours + " here");
    }
  }
}
