package org.diffusion4j.training;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.schedule.ISchedule;

/**
 * A rule that updates weights with their gradients. It is stateless; {@link #start} creates the
 * state.
 */
@FunctionalInterface
public interface Optimizer {

  /**
   * Creates a new state.
   *
   * @param parameters the weights by name; steps change them in place
   */
  Run start(Map<String, INDArray> parameters);

  /** An optimizer's state for the weights of a model. */
  interface Run extends AutoCloseable {

    /**
     * Updates the weights.
     *
     * @param gradients the gradient of every weight by name; may be overwritten
     */
    void step(Map<String, INDArray> gradients);

    /** The learning rate of the next step; NaN if the rule has none. */
    default double learningRate() {
      return Double.NaN;
    }

    /**
     * The arrays of the state by name. They are stored in checkpoints and overwritten when training
     * resumes.
     */
    default Map<String, INDArray> state() {
      return Map.of();
    }

    /**
     * Sets the number of steps done, after {@link #state} was overwritten.
     *
     * @param steps number of steps, at least 0
     */
    default void resumeAt(int steps) {}

    /** Frees the state. */
    @Override
    void close();
  }

  /**
   * Adam (Kingma and Ba 2015) with beta 0.9 and 0.999 and epsilon 1e-8, with PyTorch's formulas.
   *
   * @param learningRate positive
   */
  static Adam adam(double learningRate) {
    return adamW(learningRate, 0);
  }

  /**
   * Adam with a learning rate that changes.
   *
   * @param learningRate by the number of the step: see {@link LearningRates}
   */
  static Adam adam(ISchedule learningRate) {
    return adamW(learningRate, 0);
  }

  /**
   * Adam with decoupled weight decay (Loshchilov and Hutter 2019), with PyTorch's formulas.
   *
   * @param learningRate positive
   * @param weightDecay at least 0; a step takes {@code learningRate * weightDecay} of each weight
   */
  static Adam adamW(double learningRate, double weightDecay) {
    return adamW(learningRate, weightDecay, 0.9, 0.999, 1e-8);
  }

  /**
   * Adam with decoupled weight decay and a learning rate that changes.
   *
   * @param learningRate by the number of the step: see {@link LearningRates}
   * @param weightDecay at least 0; a step takes {@code learningRate * weightDecay} of each weight
   */
  static Adam adamW(ISchedule learningRate, double weightDecay) {
    return new Adam(learningRate, weightDecay, false, 0.9, 0.999, 1e-8);
  }

  /**
   * AdamW with all constants.
   *
   * @param learningRate positive
   * @param weightDecay at least 0
   * @param beta1 decay of the mean gradient, in [0, 1)
   * @param beta2 decay of the mean square, in [0, 1)
   * @param epsilon positive; keeps the division finite
   */
  static Adam adamW(
      double learningRate, double weightDecay, double beta1, double beta2, double epsilon) {
    return new Adam(
        LearningRates.constant(learningRate), weightDecay, false, beta1, beta2, epsilon);
  }

  /**
   * Any of ND4J's updaters.
   *
   * @param updater for example {@code new Nesterovs(0.1)}
   */
  static Optimizer of(IUpdater updater) {
    return new Nd4jOptimizer(updater);
  }

  /**
   * Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019,
   * algorithm 2), with PyTorch's formulas.
   *
   * @param learningRate by the number of the step
   * @param weightDecay at least 0, and less than 1 / learning rate; a step takes {@code
   *     learningRate * weightDecay} of each weight
   * @param matricesOnly whether norms and biases are excluded from weight decay
   * @param beta1 decay of the mean gradient, in [0, 1)
   * @param beta2 decay of the mean square, in [0, 1)
   * @param epsilon positive; keeps the division finite
   */
  record Adam(
      ISchedule learningRate,
      double weightDecay,
      boolean matricesOnly,
      double beta1,
      double beta2,
      double epsilon)
      implements Optimizer {

    public Adam {
      LearningRates.requirePositive("epsilon", epsilon);
      requireShare("beta1", beta1);
      requireShare("beta2", beta2);
      if (!(weightDecay >= 0 && learningRate.valueAt(0, 0) * weightDecay < 1)) {
        throw new IllegalArgumentException(
            "weight decay must be in [0, 1 / learning rate) but was " + weightDecay);
      }
    }

    /** A copy that excludes weights of one dimension (norms and biases) from weight decay. */
    public Adam withDecayOfMatricesOnly() {
      return new Adam(learningRate, weightDecay, true, beta1, beta2, epsilon);
    }

    private static void requireShare(String what, double value) {
      if (!(value >= 0 && value < 1)) {
        throw new IllegalArgumentException(what + " must be in [0, 1) but was " + value);
      }
    }

    @Override
    public Run start(Map<String, INDArray> parameters) {
      return new AdamRun(this, parameters);
    }
  }
}
