package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;

/**
 * A step of a sampler: a denoiser call and a move.
 *
 * @param index its number, from 0
 * @param t the time that the denoiser is told: {@link NoiseSchedule#time}
 * @param at the noise level of the denoiser's input
 * @param from the noise level of the samples that are moved: {@code at}, except in later stages of
 *     a method that calls the denoiser several times for one move
 * @param to the noise level after the move
 * @param last whether this is the last step
 */
record Transition(int index, double t, Level at, Level from, Level to, boolean last) {

  /** A move that starts at the denoiser's input. */
  static Transition of(int index, double t, Level from, Level to, boolean last) {
    return new Transition(index, t, from, from, to, last);
  }

  /** The moves from each noise level to the next. */
  static List<Transition> chain(double[] t, Level[] levels) {
    List<Transition> steps = new ArrayList<>();
    for (int i = 0; i < t.length; i++) {
      steps.add(of(i, t[i], levels[i], levels[i + 1], i + 1 == t.length));
    }
    return steps;
  }

  /** The moves between descending timesteps, and from the last to the end. */
  static List<Transition> down(NoiseSchedule schedule, int[] t, Level end) {
    double[] times = new double[t.length];
    Level[] levels = new Level[t.length + 1];
    SigmaCurve curve = new SigmaCurve(schedule);
    for (int i = 0; i < t.length; i++) {
      times[i] = curve.time(t[i]);
      levels[i] = Level.of(schedule.alphaBar(t[i]));
    }
    levels[t.length] = end;
    return chain(times, levels);
  }

  /** The reverse moves; the denoiser gets the timestep at their end. */
  static List<Transition> up(NoiseSchedule schedule, int[] t, Level beginning) {
    double[] times = new double[t.length];
    Level[] levels = new Level[t.length + 1];
    levels[0] = beginning;
    SigmaCurve curve = new SigmaCurve(schedule);
    for (int i = 0; i < t.length; i++) {
      times[i] = curve.time(t[t.length - 1 - i]);
      levels[i + 1] = Level.of(schedule.alphaBar(t[t.length - 1 - i]));
    }
    return chain(times, levels);
  }
}
