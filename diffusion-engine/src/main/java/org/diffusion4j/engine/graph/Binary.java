package org.diffusion4j.engine.graph;

import java.util.List;

/** The sum, difference or product of two values of one shape and layout. */
public record Binary(String name, Kind kind, Value a, Value b, Value y) implements Node {

  /** The elementwise operation. */
  public enum Kind {
    ADD,
    SUBTRACT,
    MULTIPLY
  }

  @Override
  public List<Value> inputs() {
    return List.of(a, b);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(a);
  }

  @Override
  public boolean divisible() {
    return !a.isWeight() && !b.isWeight();
  }

  @Override
  public void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    switch (kind) {
      case ADD -> {
        tape.contribute(a, dy);
        tape.contribute(b, dy);
      }
      case SUBTRACT -> {
        tape.contribute(a, dy);
        if (tape.wants(b)) {
          Value negative = b.gradient();
          tape.add(new Affine(negative.name(), -1, 0, dy, negative));
          tape.contribute(b, negative);
        }
      }
      case MULTIPLY -> {
        product(tape, dy, b, a);
        product(tape, dy, a, b);
      }
    }
  }

  private static void product(Tape tape, Value dy, Value factor, Value of) {
    if (tape.wants(of)) {
      Value gradient = of.gradient();
      tape.add(new Binary(gradient.name(), Kind.MULTIPLY, dy, factor, gradient));
      tape.contribute(of, gradient);
    }
  }
}
