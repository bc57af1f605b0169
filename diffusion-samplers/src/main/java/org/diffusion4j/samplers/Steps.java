package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The timesteps of a schedule that {@link Timesteps} selects. */
sealed interface Steps {

  /**
   * Whole timesteps in descending order.
   *
   * @param last number of timesteps that may be used, from 0 on
   * @param total the schedule's number of steps, T
   */
  int[] whole(int last, int total);

  /** The same for methods that visit both ends; the times may be fractional. */
  default double[] nodes(int last, int total) {
    return IntStream.of(whole(last, total)).asDoubleStream().toArray();
  }

  /** The same for methods that divide the interval into parts: {@link StepSpacing#intervals}. */
  default double[] intervals(int last, int total) {
    return nodes(last, total);
  }

  /** The requested number of steps. */
  int count(int total);

  /** Spaced timesteps; all timesteps if count is 0. */
  record Spaced(int count, StepSpacing spacing, int offset) implements Steps {

    @Override
    public int[] whole(int last, int total) {
      return Arrays.stream(spacing.descending(last, Math.min(count(total), last)))
          .map(t -> (int) within(t + offset, total))
          .toArray();
    }

    @Override
    public double[] nodes(int last, int total) {
      return shifted(spacing.nodes(last, Math.min(count(total), last)), total);
    }

    @Override
    public double[] intervals(int last, int total) {
      return shifted(spacing.intervals(last, total, count(total)), total);
    }

    private double[] shifted(double[] steps, int total) {
      return Arrays.stream(steps).map(t -> within(t + offset, total)).toArray();
    }

    @Override
    public int count(int total) {
      return count == 0 ? total : requireAtMost(count, total);
    }

    @Override
    public String toString() {
      return count == 0 ? "all" : count + ", " + spacing + "+" + offset;
    }
  }

  /** Evenly spaced timesteps in sections. */
  record Sections(int... counts) implements Steps {

    public Sections {
      counts = counts.clone();
      if (counts.length == 0) {
        throw new IllegalArgumentException("sections must not be empty");
      }
      for (int count : counts) {
        Limits.steps(count);
      }
    }

    @Override
    public int[] whole(int last, int total) {
      int[] ascending = new int[IntStream.of(counts).sum()];
      int taken = 0;
      int start = 0;
      for (int i = 0; i < counts.length; i++) {
        int size = total / counts.length + (i < total % counts.length ? 1 : 0);
        if (size < counts[i]) {
          throw new IllegalArgumentException(
              "steps of a section must be at most its length, " + size + ", but were " + counts[i]);
        }
        double stride = counts[i] == 1 ? 1 : (size - 1.0) / (counts[i] - 1);
        double offset = 0;
        for (int k = 0; k < counts[i]; k++) {
          ascending[taken++] = start + (int) Math.rint(offset);
          offset += stride;
        }
        start += size;
      }
      int count = taken;
      return IntStream.range(0, count)
          .map(i -> ascending[count - 1 - i])
          .filter(t -> t < last)
          .toArray();
    }

    @Override
    public int count(int total) {
      return requireAtMost(IntStream.of(counts).sum(), total);
    }

    @Override
    public String toString() {
      return "sections " + Arrays.toString(counts);
    }
  }

  /** A list of timesteps. */
  record Listed(int... descending) implements Steps {

    public Listed {
      descending = descending.clone();
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
    }

    @Override
    public int[] whole(int last, int total) {
      return Arrays.stream(descending)
          .map(t -> (int) within(t, total))
          .filter(t -> t < last)
          .toArray();
    }

    @Override
    public int count(int total) {
      return requireAtMost(descending.length, total);
    }

    @Override
    public String toString() {
      return IntStream.of(descending).mapToObj(String::valueOf).collect(Collectors.joining(", "));
    }
  }

  /** Some timesteps of a distillation: Luo et al. 2023, section 4.3. */
  record Distilled(int count, int distilled) implements Steps {

    public Distilled {
      if (count > distilled) {
        throw new IllegalArgumentException(
            "steps must be at most those of the distillation, "
                + distilled
                + ", but were "
                + count);
      }
    }

    @Override
    public int[] whole(int last, int total) {
      if (count(total) > 0 && distilled > total) {
        throw new IllegalArgumentException(
            "steps of the distillation must be at most the schedule's, "
                + total
                + ", but were "
                + distilled);
      }
      int stride = total / distilled;
      return IntStream.range(0, count)
          .map(i -> (distilled - (int) (i * ((double) distilled / count))) * stride - 1)
          .filter(t -> t < last)
          .toArray();
    }

    @Override
    public double[] nodes(int last, int total) {
      throw new IllegalArgumentException(
          "this method cannot take the timesteps of a distillation, Timesteps[" + this + "]");
    }

    @Override
    public int count(int total) {
      return requireAtMost(count, total);
    }

    @Override
    public String toString() {
      return count + " of " + distilled;
    }
  }

  private static int requireAtMost(int count, int total) {
    if (count > total) {
      throw new IllegalArgumentException(
          "steps must be at most the schedule's, " + total + ", but were " + count);
    }
    return count;
  }

  private static double within(double t, int total) {
    if (t < 0 || t >= total) {
      throw new IllegalArgumentException(
          "timesteps must be in [0, " + (total - 1) + "] but one is " + (int) t);
    }
    return t;
  }
}
