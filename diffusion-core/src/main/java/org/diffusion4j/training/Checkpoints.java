package org.diffusion4j.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.jspecify.annotations.Nullable;

/**
 * Where and when a trainer writes checkpoints. Immutable.
 *
 * <p>One is always written at the end of each call of {@code train} and when it is cancelled. A
 * checkpoint is a model directory, {@code step-00001000}. Its network has the averaged weights if
 * there are any; it also contains everything that the trainer needs to resume. It is written under
 * a temporary name and renamed, so that earlier checkpoints stay complete however the process ends.
 */
public final class Checkpoints {

  /** Tolerance for rounding errors in alphaBar. */
  private static final double ROUNDING = 1e-9;

  private final Path directory;
  private final int everySteps;
  private final @Nullable Duration interval;
  private final int kept;
  private final @Nullable SchedulerConfig scheduler;
  private final Provenance provenance;
  private final int averageSteps;

  private Checkpoints(
      Path directory,
      int everySteps,
      @Nullable Duration interval,
      int kept,
      @Nullable SchedulerConfig scheduler,
      Provenance provenance,
      int averageSteps) {
    this.directory = Objects.requireNonNull(directory, "directory");
    this.everySteps = everySteps;
    this.interval = interval;
    this.kept = kept;
    this.scheduler = scheduler;
    this.provenance = provenance;
    this.averageSteps = averageSteps;
  }

  /**
   * Checkpoints only at the end of each call of {@code train}; the last three are kept.
   *
   * @param directory of the checkpoints; created if missing
   */
  public static Checkpoints in(Path directory) {
    return new Checkpoints(directory, 0, null, 3, null, Provenance.ofThisLibrary(), 0);
  }

  /**
   * A copy that also writes a checkpoint after every given number of steps.
   *
   * @param steps at least 1
   */
  public Checkpoints everySteps(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException(
          "steps between checkpoints must be at least 1 but were " + steps);
    }
    return new Checkpoints(directory, steps, interval, kept, scheduler, provenance, averageSteps);
  }

  /**
   * A copy that also writes a checkpoint at the first step after a time has passed.
   *
   * @param time positive
   */
  public Checkpoints every(Duration time) {
    if (time.isNegative() || time.isZero()) {
      throw new IllegalArgumentException(
          "time between checkpoints must be positive but was " + time);
    }
    return new Checkpoints(directory, everySteps, time, kept, scheduler, provenance, averageSteps);
  }

  /**
   * A copy that keeps the last few checkpoints and the one with the lowest validation loss.
   *
   * @param number at least 1; with 2 or more, training can be resumed if the last one is damaged
   */
  public Checkpoints keepLast(int number) {
    if (number < 1) {
      throw new IllegalArgumentException("checkpoints kept must be at least 1 but were " + number);
    }
    return new Checkpoints(
        directory, everySteps, interval, number, scheduler, provenance, averageSteps);
  }

  /**
   * A copy with additional contents of the model directories.
   *
   * @param settings scheduler settings; the trainer's builder refuses them if schedule or
   *     prediction differ from the model's
   * @param origin the origin of the model
   */
  public Checkpoints describedBy(SchedulerConfig settings, Provenance origin) {
    return new Checkpoints(directory, everySteps, interval, kept, settings, origin, averageSteps);
  }

  /**
   * A copy with which the trainer keeps averages of the weights with powers of the time as weights,
   * in a folder {@code averages}. After training, {@link DiffusionTrainer#useAverage(double)} puts
   * an average of any width together from them: EDM2 (Karras et al. 2024), section 3.
   *
   * @param everySteps number of steps between two snapshots, each of which takes the space of two
   *     copies of the weights; at least 1, such as a fiftieth of the training
   */
  public Checkpoints averages(int everySteps) {
    if (everySteps < 1) {
      throw new IllegalArgumentException(
          "steps between averages must be at least 1 but were " + everySteps);
    }
    return new Checkpoints(
        directory, this.everySteps, interval, kept, scheduler, provenance, everySteps);
  }

  /** The number of steps between two snapshots of averages, or 0 for none. */
  int averageSteps() {
    return averageSteps;
  }

  /**
   * Checks that the described scheduler fits the model.
   *
   * @throws IllegalArgumentException if schedule or prediction differ
   */
  void requireFit(Denoiser model) {
    if (scheduler == null) {
      return;
    }
    NoiseSchedule theirs = scheduler.schedule();
    NoiseSchedule ours = model.schedule();
    requireSame("prediction", scheduler.prediction(), model.prediction());
    requireSame("number of steps", theirs.steps(), ours.steps());
    for (int t = 0; t < ours.steps(); t++) {
      if (Math.abs(theirs.alphaBar(t) - ours.alphaBar(t)) > ROUNDING) {
        requireSame("alphaBar(" + t + ")", theirs.alphaBar(t), ours.alphaBar(t));
      }
    }
  }

  private static void requireSame(String what, Object theirs, Object ours) {
    if (!theirs.equals(ours)) {
      throw new IllegalArgumentException(
          what
              + " of the checkpoints' scheduler must be the model's, "
              + ours
              + ", but was "
              + theirs);
    }
  }

  /** The directory of the checkpoints. */
  public Path directory() {
    return directory;
  }

  /** The number of steps between two checkpoints, or 0. */
  int steps() {
    return everySteps;
  }

  Optional<Duration> interval() {
    return Optional.ofNullable(interval);
  }

  int kept() {
    return kept;
  }

  Optional<SchedulerConfig> scheduler() {
    return Optional.ofNullable(scheduler);
  }

  Provenance provenance() {
    return provenance;
  }
}
