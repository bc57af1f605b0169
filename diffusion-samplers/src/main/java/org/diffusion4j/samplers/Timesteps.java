package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The timesteps that a sampler visits: all of a schedule's, some evenly spaced, or a list.
 * Immutable.
 */
public final class Timesteps {

  private static final Timesteps ALL = new Timesteps(0, StepSpacing.LEADING, 0, null);

  private final int count;
  private final StepSpacing spacing;
  private final int offset;
  private final int @Nullable [] list;

  private Timesteps(int count, StepSpacing spacing, int offset, int @Nullable [] list) {
    this.count = count;
    this.spacing = Objects.requireNonNull(spacing, "spacing");
    this.offset = offset;
    this.list = list;
  }

  /** Every timestep, from T-1 to 0. */
  public static Timesteps all() {
    return ALL;
  }

  /**
   * Evenly spaced timesteps.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   */
  public static Timesteps of(int count, StepSpacing spacing) {
    return of(count, spacing, 0);
  }

  /**
   * Evenly spaced timesteps, shifted.
   *
   * @param count in [1, T]
   * @param spacing where they lie
   * @param offset what is added to each of {@link StepSpacing#LEADING}, at least 0; 0 for the
   *     others
   */
  public static Timesteps of(int count, StepSpacing spacing, int offset) {
    if (count < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + count);
    }
    if (offset < 0 || (offset > 0 && spacing != StepSpacing.LEADING)) {
      throw new IllegalArgumentException(
          "offset must be at least 0, and 0 but for leading spacing, but was "
              + offset
              + " for "
              + spacing);
    }
    return new Timesteps(count, spacing, offset, null);
  }

  /**
   * These timesteps.
   *
   * @param descending at least one, strictly decreasing, each in [0, T-1]
   */
  public static Timesteps list(int... descending) {
    if (descending.length == 0) {
      throw new IllegalArgumentException("timesteps must not be empty");
    }
    for (int i = 1; i < descending.length; i++) {
      if (descending[i] >= descending[i - 1]) {
        throw new IllegalArgumentException(
            "timesteps must decrease strictly but "
                + descending[i]
                + " follows "
                + descending[i - 1]);
      }
    }
    return new Timesteps(descending.length, StepSpacing.LEADING, 0, descending.clone());
  }

  /**
   * The timesteps of a schedule, from the noisiest.
   *
   * @param total the schedule's number of steps, T
   * @throws IllegalArgumentException if there are more steps than T or one leaves [0, T-1]
   */
  public int[] descending(int total) {
    if (count > total) {
      throw new IllegalArgumentException(
          "steps must be at most the schedule's, " + total + ", but were " + count);
    }
    int[] steps =
        list != null ? list.clone() : spacing.descending(total, count == 0 ? total : count);
    for (int i = 0; i < steps.length; i++) {
      steps[i] += offset;
      if (steps[i] < 0 || steps[i] >= total) {
        throw new IllegalArgumentException(
            "timesteps must be in [0, " + (total - 1) + "] but one is " + steps[i]);
      }
    }
    return steps;
  }

  /** The ways from each timestep to the next, and from the last to the clean sample. */
  List<Transition> down(int total) {
    int[] t = descending(total);
    List<Transition> ways = new ArrayList<>();
    for (int i = 0; i < t.length; i++) {
      boolean last = i + 1 == t.length;
      ways.add(new Transition(t[i], t[i], last ? -1 : t[i + 1], last));
    }
    return ways;
  }

  /** The same ways, walked back. */
  List<Transition> up(int total) {
    int[] t = descending(total);
    List<Transition> ways = new ArrayList<>();
    for (int i = t.length - 1; i >= 0; i--) {
      ways.add(new Transition(t[i], i + 1 == t.length ? -1 : t[i + 1], t[i], i == 0));
    }
    return ways;
  }

  @Override
  public String toString() {
    if (list != null) {
      return "Timesteps" + Arrays.toString(list);
    }
    return count == 0
        ? "Timesteps[all]"
        : "Timesteps[" + count + ", " + spacing + "+" + offset + "]";
  }
}
