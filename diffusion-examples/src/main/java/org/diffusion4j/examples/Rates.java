package org.diffusion4j.examples;

import org.diffusion4j.training.Optimizer;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.schedule.PolySchedule;
import org.nd4j.linalg.schedule.RampSchedule;
import org.nd4j.linalg.schedule.ScheduleType;

/** Optimizers whose learning rate changes. */
final class Rates {

  private static final int WARM_UP = 50;

  private Rates() {}

  /** Adam whose learning rate rises within 50 steps and falls to 0 in a line. */
  static Optimizer fallingAdam(double learningRate, int steps) {
    PolySchedule falling = new PolySchedule(ScheduleType.ITERATION, learningRate, 1, steps);
    return Optimizer.of(new Adam(new RampSchedule(falling, Math.min(WARM_UP, steps))));
  }
}
