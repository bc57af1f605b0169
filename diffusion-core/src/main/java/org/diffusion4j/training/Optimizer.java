package org.diffusion4j.training;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.learning.config.IUpdater;

/**
 * A rule that changes weights by their gradients. Describes the rule; {@link #start} begins one.
 */
@FunctionalInterface
public interface Optimizer {

  /**
   * Begins with fresh state.
   *
   * @param parameters the weights by name; changed in place by the run's steps
   */
  Run start(Map<String, INDArray> parameters);

  /** An optimizer at work on one model's weights, which owns its state. */
  interface Run extends AutoCloseable {

    /**
     * Changes the weights.
     *
     * @param gradients of every weight, by name; may be overwritten
     */
    void step(Map<String, INDArray> gradients);

    /** Frees the state. */
    @Override
    void close();
  }

  /**
   * Adam (Kingma and Ba 2015) with beta 0.9 and 0.999 and epsilon 1e-8, as PyTorch computes it.
   *
   * @param learningRate positive
   */
  static Optimizer adam(double learningRate) {
    return adamW(learningRate, 0);
  }

  /**
   * Adam with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch computes it.
   *
   * @param learningRate positive
   * @param weightDecay at least 0; a step takes {@code learningRate * weightDecay} of each weight
   */
  static Optimizer adamW(double learningRate, double weightDecay) {
    return adamW(learningRate, weightDecay, 0.9, 0.999, 1e-8);
  }

  /**
   * Adam with every constant given.
   *
   * @param learningRate positive
   * @param weightDecay at least 0
   * @param beta1 decay of the mean gradient, in [0, 1)
   * @param beta2 decay of the mean square, in [0, 1)
   * @param epsilon positive; keeps the division finite
   */
  static Optimizer adamW(
      double learningRate, double weightDecay, double beta1, double beta2, double epsilon) {
    return new Adam(learningRate, weightDecay, beta1, beta2, epsilon);
  }

  /**
   * Any of ND4J's updaters.
   *
   * @param updater for example {@code new Nesterovs(0.1)}
   */
  static Optimizer of(IUpdater updater) {
    return new Nd4jOptimizer(updater);
  }
}
