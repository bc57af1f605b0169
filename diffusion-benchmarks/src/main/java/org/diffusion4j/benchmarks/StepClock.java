package org.diffusion4j.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Times steps from the end of one to the end of the next, after a warm-up of caches and JIT
 * compiler.
 */
final class StepClock {

  private static final int WARM_UP_STEPS = 4;
  private static final double WARM_UP_SECONDS = 3;
  private static final double NANOS = 1e9;

  private final double seconds;
  private final LongSupplier nanoTime;
  private final List<Double> milliseconds = new ArrayList<>();
  private int ticks;
  private long firstTick;
  private long lastTick;
  private boolean warm;
  private long warmSince;
  private boolean running = true;

  /**
   * A clock that waits for its first tick.
   *
   * @param seconds duration of the timed steps, after the warm-up; at least one step is timed
   */
  StepClock(double seconds) {
    this(seconds, System::nanoTime);
  }

  StepClock(double seconds, LongSupplier nanoTime) {
    this.seconds = seconds;
    this.nanoTime = nanoTime;
  }

  /** Whether there should be another step. */
  boolean running() {
    return running;
  }

  /** Must be called at the end of every step; steps after the last timed one are ignored. */
  void tick() {
    long now = nanoTime.getAsLong();
    if (ticks == 0) {
      firstTick = now;
    }
    ticks++;
    if (warm && running) {
      milliseconds.add((now - lastTick) / 1e6);
      running = now - warmSince < seconds * NANOS;
    } else if (!warm && ticks >= WARM_UP_STEPS && now - firstTick >= WARM_UP_SECONDS * NANOS) {
      warm = true;
      warmSince = now;
    }
    lastTick = now;
  }

  /** The median of the timed steps. */
  double medianMs() {
    return Median.of(milliseconds);
  }

  /** The shortest timed step. */
  double minMs() {
    return Collections.min(milliseconds);
  }

  /** The number of timed steps. */
  int steps() {
    return milliseconds.size();
  }
}
