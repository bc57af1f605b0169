package org.diffusion4j.samplers;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The Brownian path of torchsde's {@code BrownianTree} over noise levels (Li et al. 2020, algorithm
 * 3): the interval is halved down to a level, and the value in the middle of each part drawn from
 * those at its ends, with a seed that tells the place. So the path does not depend on the levels
 * that it is asked for.
 */
final class BrownianTree {

  /** Levels are rounded to this number of decimals. */
  private static final int DECIMALS = 6;

  private static final int POOL = 24;

  private final long seed;
  private final double lowest;
  private final double highest;
  private final long[] shape;

  /**
   * @param seed at least 0
   * @param lowest level, where the path is 0
   * @param shape of the path's values
   */
  BrownianTree(long seed, double lowest, double highest, long[] shape) {
    this.seed = seed;
    this.lowest = lowest;
    this.highest = highest;
    this.shape = shape.clone();
  }

  /** Standard normal noise of the step from one level to another, a new array. */
  INDArray noise(double from, double to) {
    float[] start = at(from);
    float[] end = at(to);
    double deviation = Math.sqrt(Math.abs(to - from));
    for (int k = 0; k < end.length; k++) {
      end[k] = (float) ((end[k] - start[k]) / deviation);
    }
    return Nd4j.create(end, shape, 'c');
  }

  /** The values of the path at a level. */
  private float[] at(double level) {
    double start = rounded(lowest);
    double end = rounded(highest);
    double place = Math.min(Math.max(rounded(level), start), end);
    float[] increment = normal(new SeedSequence(seed, POOL).state(1)[0]);
    float deviation = (float) Math.sqrt(highest - lowest);
    for (int k = 0; k < increment.length; k++) {
      increment[k] *= deviation;
    }
    float[] sum = new float[increment.length];
    long key = 0;
    for (int depth = 0; place > start && place < end; depth++) {
      double middle = rounded(0.5 * (end + start));
      float[] left = normal(new SeedSequence(seed, POOL, key, depth).state(1)[0]);
      bridge(left, increment, middle - start, end - middle);
      boolean right = place >= middle;
      for (int k = 0; k < sum.length; k++) {
        sum[k] += right ? left[k] : 0;
        increment[k] = right ? increment[k] - left[k] : left[k];
      }
      start = right ? middle : start;
      end = right ? end : middle;
      key = 2 * key + (right ? 1 : 0);
    }
    for (int k = 0; k < sum.length; k++) {
      sum[k] += place == end ? increment[k] : 0;
    }
    return sum;
  }

  /** Makes noise the increment of the left part, given that of the whole. */
  private static void bridge(float[] noise, float[] whole, double left, double right) {
    float part = (float) left;
    float reciprocal = (float) (1 / (left + right));
    float deviation = (float) Math.sqrt(left * right / (left + right));
    for (int k = 0; k < noise.length; k++) {
      noise[k] = part * whole[k] * reciprocal + deviation * noise[k];
    }
  }

  private float[] normal(int ofPlace) {
    try (INDArray draw = NoiseSource.torch(ofPlace).start().batch(0, 1).next(shape)) {
      return draw.data().asFloat();
    }
  }

  private static double rounded(double level) {
    return new BigDecimal(level).setScale(DECIMALS, RoundingMode.HALF_EVEN).doubleValue();
  }
}
