package org.diffusion4j.training;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.IUpdater;

/** One of ND4J's updaters. */
record Nd4jOptimizer(IUpdater updater) implements Optimizer {

  Nd4jOptimizer {
    Objects.requireNonNull(updater, "updater");
  }

  @Override
  public Run start(Map<String, INDArray> parameters) {
    return new State(parameters);
  }

  private final class State implements Run {

    private final Map<String, INDArray> parameters;
    private final Map<String, GradientUpdater<?>> updaters = new HashMap<>();
    private final Map<String, INDArray> states = new LinkedHashMap<>();
    private int steps;

    State(Map<String, INDArray> parameters) {
      this.parameters = parameters;
      parameters.forEach((name, p) -> updaters.put(name, updaterOf(name, p)));
    }

    private GradientUpdater<?> updaterOf(String name, INDArray parameter) {
      long size = updater.stateSize(parameter.length());
      if (size == 0) {
        return updater.instantiate((INDArray) null, false);
      }
      INDArray state = Nd4j.zeros(parameter.dataType(), 1, size);
      states.put(name, state);
      return updater.instantiate(state, true);
    }

    @Override
    public void step(Map<String, INDArray> gradients) {
      gradients.forEach(
          (name, gradient) -> {
            INDArray p = parameters.get(name);
            GradientUpdater<?> rule = updaters.get(name);
            if (p == null || rule == null) {
              throw new IllegalArgumentException("no weight is named " + name);
            }
            INDArray row = gradient.dup('c').reshape(1, gradient.length());
            rule.applyUpdater(row, steps, 0);
            p.subi(row.reshape(p.shape()));
            row.close();
          });
      steps++;
    }

    @Override
    public double learningRate() {
      return updater.hasLearningRate() ? updater.getLearningRate(steps, 0) : Double.NaN;
    }

    @Override
    public Map<String, INDArray> state() {
      return states;
    }

    @Override
    public void resumeAt(int done) {
      steps = done;
    }

    @Override
    public void close() {
      states.values().forEach(INDArray::close);
    }
  }
}
