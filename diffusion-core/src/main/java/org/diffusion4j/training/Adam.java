package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.updaters.AdamUpdater;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019,
 * algorithm 2).
 */
record Adam(double learningRate, double weightDecay, double beta1, double beta2, double epsilon)
    implements Optimizer {

  Adam {
    requirePositive("learning rate", learningRate);
    requirePositive("epsilon", epsilon);
    requireShare("beta1", beta1);
    requireShare("beta2", beta2);
    if (!(weightDecay >= 0 && learningRate * weightDecay < 1)) {
      throw new IllegalArgumentException(
          "weight decay must be in [0, 1 / learning rate) but was " + weightDecay);
    }
  }

  private static void requirePositive(String what, double value) {
    if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(what + " must be positive but was " + value);
    }
  }

  private static void requireShare(String what, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new IllegalArgumentException(what + " must be in [0, 1) but was " + value);
    }
  }

  @Override
  public Run start(Map<String, INDArray> parameters) {
    return new State(parameters);
  }

  private final class State implements Run {

    private final Map<String, INDArray> parameters;
    private final Map<String, INDArray> firstMoments = new HashMap<>();
    private final Map<String, INDArray> secondMoments = new HashMap<>();
    private int steps;

    State(Map<String, INDArray> parameters) {
      this.parameters = parameters;
      parameters.forEach(
          (name, p) -> {
            firstMoments.put(name, Nd4j.zeros(p.dataType(), p.shape()));
            secondMoments.put(name, Nd4j.zeros(p.dataType(), p.shape()));
          });
    }

    @Override
    public void step(Map<String, INDArray> gradients) {
      // ND4J's operation adds its epsilon to sqrt(v); the paper's belongs to sqrt(v / (1 -
      // beta2^k)).
      double scaledEpsilon = epsilon * Math.sqrt(1 - Math.pow(beta2, steps + 1.0));
      gradients.forEach(
          (name, gradient) -> {
            INDArray p = parameters.get(name);
            INDArray m = firstMoments.get(name);
            INDArray v = secondMoments.get(name);
            if (p == null || m == null || v == null) {
              throw new IllegalArgumentException("no weight is named " + name);
            }
            if (weightDecay > 0) {
              p.muli(1 - learningRate * weightDecay);
            }
            INDArray update = gradient.ordering() == 'c' ? gradient : gradient.dup('c');
            Nd4j.getExecutioner()
                .exec(
                    new AdamUpdater(
                        update, v, m, learningRate, beta1, beta2, scaledEpsilon, steps));
            p.subi(update);
            if (update != gradient) {
              update.close();
            }
          });
      steps++;
    }

    @Override
    public void close() {
      List<INDArray> moments = new ArrayList<>(firstMoments.values());
      moments.addAll(secondMoments.values());
      moments.forEach(INDArray::close);
    }
  }
}
