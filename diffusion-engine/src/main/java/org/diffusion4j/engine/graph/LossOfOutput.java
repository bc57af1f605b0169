package org.diffusion4j.engine.graph;

import java.util.List;

/** Between forward and backward pass: computes the output's gradient with the caller's loss. */
public record LossOfOutput(Value output, Value gradient) implements Node {

  @Override
  public String name() {
    return "loss of " + output.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(output);
  }

  @Override
  public List<Value> outputs() {
    return List.of(gradient);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(output);
  }
}
