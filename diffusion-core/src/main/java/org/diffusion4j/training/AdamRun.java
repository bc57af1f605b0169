package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The state of {@link Optimizer.Adam}: the moments. */
final class AdamRun implements Optimizer.Run {

  private final Optimizer.Adam rule;

  private final Map<String, INDArray> parameters;
  private final Map<String, INDArray> firstMoments = new LinkedHashMap<>();
  private final Map<String, INDArray> secondMoments = new LinkedHashMap<>();
  private int steps;

  AdamRun(Optimizer.Adam rule, Map<String, INDArray> parameters) {
    this.rule = rule;
    this.parameters = parameters;
    parameters.forEach(
        (name, p) -> {
          firstMoments.put(name, Nd4j.zeros(p.dataType(), p.shape()));
          secondMoments.put(name, Nd4j.zeros(p.dataType(), p.shape()));
        });
  }

  /** Updates weights and moments in one pass. */
  @Override
  public void step(Map<String, INDArray> gradients) {
    double eta = learningRate();
    steps++;
    float rate = (float) (eta / (1 - Math.pow(rule.beta1(), steps)));
    float inverse = (float) (1 / Math.sqrt(1 - Math.pow(rule.beta2(), steps)));
    float decay = (float) (1 - eta * rule.weightDecay());
    Map<String, INDArray> matrices = new LinkedHashMap<>(gradients);
    Map<String, INDArray> vectors = new LinkedHashMap<>();
    if (rule.matricesOnly()) {
      matrices.values().removeIf(gradient -> gradient.rank() < 2);
      vectors.putAll(gradients);
      vectors.keySet().removeAll(matrices.keySet());
    }
    update(matrices, decay, rate, inverse);
    update(vectors, 1, rate, inverse);
  }

  private void update(Map<String, INDArray> gradients, float decay, float rate, float inverse) {
    if (gradients.isEmpty()) {
      return;
    }
    List<INDArray> copies = new ArrayList<>();
    List<INDArray> plain = new ArrayList<>();
    for (INDArray gradient : gradients.values()) {
      boolean ready = Address.isPlain(gradient);
      plain.add(ready ? gradient : gradient.dup('c'));
      if (!ready) {
        copies.add(plain.get(plain.size() - 1));
      }
    }
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

  @Override
  public double learningRate() {
    return rule.learningRate().valueAt(steps, 0);
  }

  /** The moments, with PyTorch's names. */
  @Override
  public Map<String, INDArray> state() {
    Map<String, INDArray> state = new LinkedHashMap<>();
    firstMoments.forEach((name, moment) -> state.put("exp_avg." + name, moment));
    secondMoments.forEach((name, moment) -> state.put("exp_avg_sq." + name, moment));
    return state;
  }

  @Override
  public void resumeAt(int done) {
    steps = done;
  }

  private static List<INDArray> of(Map<String, INDArray> gradients, Map<String, INDArray> arrays) {
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
    float keep1 = (float) rule.beta1();
    float take1 = (float) (1 - rule.beta1());
    float keep2 = (float) rule.beta2();
    float take2 = (float) (1 - rule.beta2());
    float eps = (float) rule.epsilon();
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
