package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.internal.Address;
import org.diffusion4j.internal.WeightLoops;
import org.nd4j.linalg.api.ndarray.INDArray;
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

    /** One pass over the weights, with everything that belongs to them side by side. */
    @Override
    public void step(Map<String, INDArray> gradients) {
      List<INDArray> copies = new ArrayList<>();
      List<INDArray> plain = new ArrayList<>();
      for (INDArray gradient : gradients.values()) {
        boolean ready = Address.isPlain(gradient);
        plain.add(ready ? gradient : gradient.dup('c'));
        if (!ready) {
          copies.add(plain.get(plain.size() - 1));
        }
      }
      steps++;
      float decay = (float) (1 - learningRate * weightDecay);
      float rate = (float) (learningRate / (1 - Math.pow(beta1, steps)));
      float inverse = (float) (1 / Math.sqrt(1 - Math.pow(beta2, steps)));
      WeightLoops.run(
          List.of(
              of(gradients, parameters), of(gradients, firstMoments), of(gradients, secondMoments)),
          List.of(plain),
          (pieces, n) -> {
            update(pieces[0], pieces[1], pieces[2], pieces[3], n, decay, rate, inverse);
            return 0;
          });
      copies.forEach(INDArray::close);
    }

    private static List<INDArray> of(
        Map<String, INDArray> gradients, Map<String, INDArray> arrays) {
      List<INDArray> list = new ArrayList<>();
      for (String name : gradients.keySet()) {
        INDArray array = arrays.get(name);
        if (array == null) {
          throw new IllegalArgumentException("no weight is named " + name);
        }
        list.add(array);
      }
      return list;
    }

    private void update(
        float[] p, float[] m, float[] v, float[] g, int n, float decay, float rate, float inverse) {
      float keep1 = (float) beta1;
      float take1 = (float) (1 - beta1);
      float keep2 = (float) beta2;
      float take2 = (float) (1 - beta2);
      float eps = (float) epsilon;
      for (int i = 0; i < n; i++) {
        m[i] = m[i] * keep1 + g[i] * take1;
      }
      for (int i = 0; i < n; i++) {
        v[i] = v[i] * keep2 + g[i] * g[i] * take2;
      }
      for (int i = 0; i < n; i++) {
        p[i] = p[i] * decay - rate * m[i] / ((float) Math.sqrt(v[i]) * inverse + eps);
      }
    }

    @Override
    public void close() {
      List<INDArray> moments = new ArrayList<>(firstMoments.values());
      moments.addAll(secondMoments.values());
      moments.forEach(INDArray::close);
    }
  }
}
