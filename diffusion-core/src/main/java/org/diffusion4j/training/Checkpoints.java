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
 * <p>One is written at the end of each call of {@code train} and when it is cancelled in any case.
 * Each is a model directory, {@code step-00001000}, whose network has the averaged weights if there
 * are any, and which also holds all that the trainer needs to go on. It is written beside its place
 * and renamed, so that whatever ends the process leaves those before it whole.
 */
public final class Checkpoints {

  /** How far the same alphaBar may differ by the way in which it was calculated. */
  private static final double ROUNDING = 1e-9;

  private final Path directory;
  private final int everySteps;
  private final @Nullable Duration interval;
  private final int kept;
  private final @Nullable SchedulerConfig scheduler;
  private final Provenance provenance;

  private Checkpoints(
      Path directory,
      int everySteps,
      @Nullable Duration interval,
      int kept,
      @Nullable SchedulerConfig scheduler,
      Provenance provenance) {
    this.directory = Objects.requireNonNull(directory, "directory");
    this.everySteps = everySteps;
    this.interval = interval;
    this.kept = kept;
    this.scheduler = scheduler;
    this.provenance = provenance;
  }

  /**
   * Checkpoints at the end of each call of {@code train} alone, of which the last three are kept.
   *
   * @param directory of the checkpoints; made when it is missing
   */
  public static Checkpoints in(Path directory) {
    return new Checkpoints(directory, 0, null, 3, null, Provenance.ofThisLibrary());
  }

  /**
   * These, and one whenever a number of steps was done.
   *
   * @param steps at least 1
   */
  public Checkpoints everySteps(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException(
          "steps between checkpoints must be at least 1 but were " + steps);
    }
    return new Checkpoints(directory, steps, interval, kept, scheduler, provenance);
  }

  /**
   * These, and one at the first step after a time has gone by.
   *
   * @param time positive
   */
  public Checkpoints every(Duration time) {
    if (time.isNegative() || time.isZero()) {
      throw new IllegalArgumentException(
          "time between checkpoints must be positive but was " + time);
    }
    return new Checkpoints(directory, everySteps, time, kept, scheduler, provenance);
  }

  /**
   * These, of which the last few are kept, and the one with the least validation loss.
   *
   * @param number at least 1; 2 or more survive a disk that damages the last
   */
  public Checkpoints keepLast(int number) {
    if (number < 1) {
      throw new IllegalArgumentException("checkpoints kept must be at least 1 but were " + number);
    }
    return new Checkpoints(directory, everySteps, interval, number, scheduler, provenance);
  }

  /**
   * These, with what else their model directories say.
   *
   * @param settings of the schedule and the sampler; the builder of a trainer refuses those of
   *     another schedule or prediction than the model's
   * @param origin where the model comes from
   */
  public Checkpoints describedBy(SchedulerConfig settings, Provenance origin) {
    return new Checkpoints(directory, everySteps, interval, kept, settings, origin);
  }

  /**
   * Checks that their model directories would be read as the model that they hold.
   *
   * @throws IllegalArgumentException if they are described by another schedule or prediction
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

  /** Where they lie. */
  public Path directory() {
    return directory;
  }

  /** How many steps lie between two, or 0 if steps do not matter. */
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
