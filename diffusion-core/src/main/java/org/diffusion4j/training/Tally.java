package org.diffusion4j.training;

import java.time.Duration;
import org.diffusion4j.Trainer;
import org.diffusion4j.TrainingListener;

/** Collects the summary of a call of a trainer. */
final class Tally {

  private final long start = System.nanoTime();
  private final long planned;
  private long lastStep = start;
  private int steps;
  private long samples;
  private double first = Double.NaN;
  private double last = Double.NaN;
  private double tailSum;
  private int tailSteps;

  /**
   * @param planned number of steps; the mean loss is that of the last tenth
   */
  Tally(long planned) {
    this.planned = planned;
  }

  /** The rate since the last call of this. */
  double samplesPerSecond(int size) {
    long now = System.nanoTime();
    double rate = size * 1e9 / (now - lastStep);
    lastStep = now;
    return rate;
  }

  void add(TrainingListener.Step step) {
    last = step.loss();
    first = steps == 0 ? last : first;
    steps++;
    samples += step.batchSize();
    if (steps > planned - Math.max(1, planned / 10)) {
      tailSum += last;
      tailSteps++;
    }
  }

  Trainer.Report report(boolean cancelled) {
    double mean = tailSteps == 0 ? last : tailSum / tailSteps;
    Duration duration = Duration.ofNanos(System.nanoTime() - start);
    return new Trainer.Report(steps, samples, first, last, mean, duration, cancelled);
  }
}
