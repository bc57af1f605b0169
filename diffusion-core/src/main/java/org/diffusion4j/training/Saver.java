package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.diffusion4j.internal.WriterLock;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.pretrained.Checkpoint;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes and reads a training's checkpoints. It is the only writer in their folder. */
final class Saver implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Saver.class);

  private static final String LOCK = ".lock";
  private static final String WEIGHTS = "weights";
  private static final String AVERAGE = "average";
  private static final String OPTIMIZER = "optimizer";

  /** Maximum number of characters of a value, and of all differences, in messages. */
  private static final int SHOWN = 40;

  private static final int DIFFERENCES = 220;

  private final Checkpoints checkpoints;
  private final CheckpointFolder folder;
  private final Settings settings;
  private final SameDiffDenoiser model;
  private final @Nullable PretrainedModel pretrained;
  private final Optimizer.Run optimizer;
  private final @Nullable WeightAverage average;
  private final @Nullable PowerAverages powers;
  private final Feed feed;
  private final LossStatistics losses;
  private final Runnable verification;
  private double bestLoss = Double.POSITIVE_INFINITY;
  private long bestStep = -1;
  private long savedStep = -1;
  private boolean ours;
  private @Nullable WriterLock lock;
  private long savedAt = System.nanoTime();

  /**
   * @param verification throws if training cannot continue with the weights; called before saving
   */
  Saver(
      Checkpoints checkpoints,
      Settings settings,
      Optimizer.Run optimizer,
      @Nullable WeightAverage average,
      @Nullable PowerAverages powers,
      Feed feed,
      LossStatistics losses,
      Runnable verification) {
    this.checkpoints = checkpoints;
    this.folder = new CheckpointFolder(checkpoints.directory());
    this.settings = settings;
    this.model = settings.model();
    this.optimizer = optimizer;
    this.average = average;
    this.powers = powers;
    this.feed = feed;
    this.losses = losses;
    this.verification = verification;
    this.pretrained = pretrained();
  }

  /** Saves if the number of steps or the time requires it. */
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

  /** Saves if a validation loss is the lowest so far. */
  void saveIfBest(long step, double loss, TrainingListener listener) {
    if (loss < bestLoss) {
      bestLoss = loss;
      bestStep = step;
      save(step, listener);
    }
  }

  /**
   * Prevents a new training from writing into the folder of another one.
   *
   * @throws IllegalStateException if the folder has checkpoints and {@link #resume} was not called
   */
  void requireOwnFolder() {
    try {
      lock();
      if (!ours && !folder.isEmpty()) {
        throw new IllegalStateException(
            folder.directory()
                + " must not have checkpoints of another training but does; resume it, or choose"
                + " another directory");
      }
      ours = true;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** Prevents other trainings from writing until this is closed. */
  private void lock() throws IOException {
    if (lock == null) {
      folder.requireDirectory();
      Files.createDirectories(folder.directory());
      lock = WriterLock.take(folder.directory(), folder.directory().resolve(LOCK));
    }
  }

  @Override
  public void close() {
    if (lock != null) {
      lock.close();
    }
  }

  private void save(long step, TrainingListener listener) {
    requireOwnFolder();
    if (average != null) {
      average.requireNotInUse();
    }
    verification.run();
    try {
      Uninterrupted.run(() -> write(step));
      savedStep = step;
      savedAt = System.nanoTime();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "checkpoint of step "
              + step
              + " could not be written, earlier ones are unchanged: "
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
      weights.putAll(average.values());
      tensors.put(AVERAGE, average.values());
    }
    tensors.putAll(powerAverages());
    PretrainedModel described =
        pretrained == null
            ? null
            : pretrained.withProvenance(checkpoints.provenance().with("steps", step));
    Checkpoint.write(folder.at(step), described, weights, tensors, state(step));
  }

  /** The groups of arrays of averages by powers of the time; none if there are none. */
  private Map<String, Map<String, INDArray>> powerAverages() {
    return powers == null ? Map.of() : powers.groups();
  }

  /** The contents of model directories; null for a graph that cannot be written. */
  private @Nullable PretrainedModel pretrained() {
    try {
      PretrainedModel described = PretrainedModel.of(model);
      return checkpoints.scheduler().map(described::withScheduler).orElse(described);
    } catch (IllegalArgumentException e) {
      LOG.warn("checkpoints can be resumed from but hold no model directory: {}", e.getMessage());
      return null;
    }
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
    state.put("architecture", Checkpoint.architecture(pretrained));
    state.put("prediction", model.prediction().name());
    state.put("alpha_bars", alphaBars(model.schedule()));
    return state;
  }

  private static List<Double> alphaBars(NoiseSchedule schedule) {
    return IntStream.range(0, schedule.steps()).mapToObj(schedule::alphaBar).toList();
  }

  /** The step of the last checkpoint that was written or resumed; -1 if there is none. */
  long savedStep() {
    return savedStep;
  }

  /** The directory of the checkpoint of a step. */
  Path at(long step) {
    return folder.at(step);
  }

  /** The valid contents of a checkpoint. */
  private record Found(
      Checkpoint checkpoint,
      StateReader state,
      long step,
      long bestStep,
      double bestLoss,
      LossStatistics.Saved losses,
      Feed.Place place) {}

  /**
   * Reads the newest complete checkpoint, if there is one.
   *
   * @return the number of steps done
   */
  long resume() throws IOException {
    lock();
    Uninterrupted.run(
        () -> {
          folder.recover();
          Optional<Found> newest = folder.newest(this::check);
          if (newest.isPresent()) {
            restore(newest.get());
          }
        });
    ours = true;
    return Math.max(0, savedStep);
  }

  /**
   * Checks that training can resume from a checkpoint, without changing anything.
   *
   * @throws IOException if it is damaged
   * @throws IllegalArgumentException if it belongs to another training
   */
  private Found check(Checkpoint checkpoint) throws IOException {
    StateReader state = new StateReader(checkpoint.stateFile(), checkpoint.state());
    long step = state.integer("step", 1, Integer.MAX_VALUE - 1);
    if (!checkpoint.directory().equals(folder.at(step))) {
      throw state.mustBe("step", "that of the directory", step);
    }
    double bestLoss = state.number("best_loss");
    if (Double.isNaN(bestLoss)) {
      throw state.mustBe("best_loss", "a number", bestLoss);
    }
    Found found =
        new Found(
            checkpoint,
            state,
            step,
            state.integer("best_step", -1, step),
            bestLoss,
            LossStatistics.Saved.of(state.object("losses")),
            Feed.Place.of(state.object("data")));
    requireSame(state);
    if (checkpoint.has(AVERAGE) != (average != null)) {
      throw new IllegalArgumentException(
          "ema must be as in the checkpoint, "
              + (average == null ? "which has averaged weights" : "which has no averaged weights"));
    }
    for (Map.Entry<String, Map<String, INDArray>> group : powerAverages().entrySet()) {
      if (!checkpoint.has(group.getKey())) {
        throw new IllegalArgumentException(
            "averages must be as in the checkpoint, which was written without them");
      }
      checkpoint.check(group.getKey(), group.getValue());
    }
    checkpoint.check(WEIGHTS, model.parameters());
    if (average != null) {
      checkpoint.check(AVERAGE, average.values());
    }
    if (isOfOurOptimizer(found)) {
      checkpoint.check(OPTIMIZER, optimizer.state());
    }
    return found;
  }

  private boolean isOfOurOptimizer(Found found) throws IOException {
    Object theirs = found.state.object("settings").values().get("optimizer");
    return Objects.equals(theirs, settings.described().get("optimizer"));
  }

  private void restore(Found found) throws IOException {
    if (!isOfOurOptimizer(found)) {
      // Other settings of an optimizer do not change the names and shapes of its arrays. If those
      // differ, it is another optimizer, and earlier checkpoints do not fit either.
      found.checkpoint.check(OPTIMIZER, optimizer.state());
    }
    warnOfOtherSettings(found.state);
    found.checkpoint.read(OPTIMIZER, optimizer.state());
    if (average != null) {
      found.checkpoint.read(AVERAGE, average.values());
    }
    for (Map.Entry<String, Map<String, INDArray>> group : powerAverages().entrySet()) {
      found.checkpoint.read(group.getKey(), group.getValue());
    }
    found.checkpoint.read(WEIGHTS, model.parameters());
    model.weightsChanged();
    optimizer.resumeAt((int) found.step);
    losses.restore(found.losses);
    feed.restore(found.place);
    bestStep = found.bestStep;
    bestLoss = found.bestLoss;
    // A killed process may not have done this.
    prune(found.step);
    savedStep = found.step;
    LOG.info("training resumes at step {}", found.step);
  }

  private void requireSame(StateReader state) throws IOException {
    List<String> differences = new ArrayList<>();
    Map<String, @Nullable Object> saved = state.object("architecture").values();
    Map<String, @Nullable Object> ours = Checkpoint.architecture(pretrained);
    TreeSet<String> keys = new TreeSet<>(saved.keySet());
    keys.addAll(ours.keySet());
    for (String key : keys) {
      compare(differences, Shown.text(key, SHOWN), saved.get(key), ours.get(key));
    }
    compare(differences, "prediction", state.text("prediction"), model.prediction().name());
    compareSchedules(differences, state);
    if (!differences.isEmpty()) {
      throw new IllegalArgumentException(
          "the model must be that of the checkpoint but "
              + Shown.text(String.join("; ", differences), DIFFERENCES));
    }
  }

  private void warnOfOtherSettings(StateReader state) throws IOException {
    Map<String, @Nullable Object> savedSettings = state.object("settings").values();
    settings
        .described()
        .forEach(
            (name, value) -> {
              Object saved = savedSettings.get(savedSettings.containsKey(name) ? name : old(name));
              if (!Objects.equals(saved, value)) {
                LOG.warn(
                    "{} is {} from now on, it was {} until the checkpoint",
                    name,
                    Shown.text(value),
                    Shown.text(saved));
              }
            });
  }

  /** The old name of a setting in checkpoints. */
  private static String old(String name) {
    return name.equals("loss") ? "objective" : name;
  }

  private void compareSchedules(List<String> differences, StateReader state) throws IOException {
    List<? extends @Nullable Object> saved = state.list("alpha_bars");
    List<Double> ours = alphaBars(model.schedule());
    compare(differences, "the schedule's number of steps", saved.size(), ours.size());
    for (int t = 0; t < Math.min(saved.size(), ours.size()); t++) {
      if (state.number("alpha_bars", saved.get(t)) != ours.get(t)) {
        compare(differences, "alphaBar(" + t + ")", saved.get(t), ours.get(t));
        break;
      }
    }
  }

  private static void compare(
      List<String> differences, String what, @Nullable Object saved, @Nullable Object ours) {
    if (!String.valueOf(saved).equals(String.valueOf(ours))) {
      differences.add(
          what
              + " is "
              + Shown.text(saved, SHOWN)
              + " there and "
              + Shown.text(ours, SHOWN)
              + " here");
    }
  }
}
