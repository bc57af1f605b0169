package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Splits a value {@code [batch, channels, ...]} along dimension 1. Its gradient is {@link Concat}.
 */
public record Split(String name, Value whole, List<Value> parts) implements Node {

  public Split {
    parts = List.copyOf(parts);
  }

  @Override
  public List<Value> inputs() {
    return List.of(whole);
  }

  @Override
  public List<Value> outputs() {
    return parts;
  }

  @Override
  public boolean divisible() {
    return !whole.isWeight();
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = whole.gradient();
    tape.add(new Concat(dx.name(), parts.stream().map(part -> gradient(tape, part)).toList(), dx));
    tape.contribute(whole, dx);
  }

  /** The gradient of a part; zero if the part is unused. */
  private static Value gradient(Tape tape, Value part) {
    Value known = tape.gradient(part);
    if (known != null) {
      return known;
    }
    Value zeros = part.gradient();
    tape.add(new Affine(zeros.name(), 0, 0, part, zeros));
    return zeros;
  }
}
