package org.diffusion4j.engine.graph;

import java.util.List;

/** Joins values {@code [batch, channels, ...]} along dimension 1. Its gradient is {@link Split}. */
public record Concat(String name, List<Value> parts, Value whole) implements Node {

  public Concat {
    parts = List.copyOf(parts);
  }

  @Override
  public List<Value> inputs() {
    return parts;
  }

  @Override
  public List<Value> outputs() {
    return List.of(whole);
  }

  @Override
  public boolean divisible() {
    return parts.stream().noneMatch(Value::isWeight);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dy = tape.gradientOf(whole);
    List<Value> gradients = parts.stream().map(Value::gradient).toList();
    tape.add(new Split(dy.name() + "-split", dy, gradients));
    for (int i = 0; i < parts.size(); i++) {
      tape.contribute(parts.get(i), gradients.get(i));
    }
  }
}
