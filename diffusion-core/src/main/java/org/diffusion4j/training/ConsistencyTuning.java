package org.diffusion4j.training;

import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Easy consistency tuning, ECT (Geng et al. 2024): the lower sample has the same noise.
 *
 * @param closeness 1 less the step's part of the noise level, {@code 1 / q^a} in the paper
 */
record ConsistencyTuning(double closeness) implements ConsistencyLoss.Path {

  /** The authors' k and b of n(t) = 1 + k sigmoid(-b t). */
  private static final double K = 8;

  /** The greatest noise level of the paper. Higher ones, which may be infinite, weigh like it. */
  private static final double MOST = 80;

  ConsistencyTuning {
    if (!(closeness >= 0 && closeness < 1)) {
      throw new IllegalArgumentException("closeness must be in [0, 1) but was " + closeness);
    }
  }

  @Override
  public int lower(NoiseSchedule schedule, int t) {
    double sigma = schedule.alphaBar(t) == 0 ? Double.MAX_VALUE : schedule.sigma(t);
    double mapped = 1 + K / (1 + Math.exp(Math.min(sigma, 700)));
    double goal = sigma * (1 - (1 - closeness) * mapped);
    int r = t - 1;
    while (r >= 0 && schedule.sigma(r) > goal) {
      r--;
    }
    return r;
  }

  @Override
  public INDArray samples(Loss.NoisyBatch batch, int[] r, Condition condition) {
    return new ForwardProcess(batch.schedule()).noisy(batch.x0(), batch.noise(), r);
  }

  /**
   * 1 / (sigma(t) - sigma(r)) as in the paper, times the part {@code 1 - closeness}, so that stages
   * have losses of one size. Low levels weigh most, because errors there are passed on.
   */
  @Override
  public double weight(NoiseSchedule schedule, int t, int r) {
    if (schedule.alphaBar(t) == 0 || schedule.sigma(t) > MOST) {
      return 1 / MOST;
    }
    return (1 - closeness) / (schedule.sigma(t) - (r < 0 ? 0 : schedule.sigma(r)));
  }

  @Override
  public String toString() {
    return "consistency(" + closeness + ")";
  }
}
