package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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
    private final List<INDArray> states = new ArrayList<>();
    private int steps;

    State(Map<String, INDArray> parameters) {
      this.parameters = parameters;
      parameters.forEach((name, p) -> updaters.put(name, updaterOf(p)));
    }

    private GradientUpdater<?> updaterOf(INDArray parameter) {
      long size = updater.stateSize(parameter.length());
      if (size == 0) {
        return updater.instantiate((INDArray) null, false);
      }
      INDArray state = Nd4j.zeros(parameter.dataType(), 1, size);
      states.add(state);
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
    public void close() {
      states.forEach(INDArray::close);
    }
  }
}
