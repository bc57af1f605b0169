package org.diffusion4j.engine.graph;

import java.util.List;

/** Where forward ends and backward begins: the caller's loss gives the output's gradient. */
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
