package org.diffusion4j.engine.graph;

import java.util.List;

/** A node with one input and one result of the same shape, which may be computed in place. */
interface Unary extends Node {

  Value x();

  Value y();

  /** The node that computes the gradient of {@code x} from the gradient of {@code y}. */
  Node gradient(Value dy, Value dx);

  @Override
  default List<Value> inputs() {
    return List.of(x());
  }

  @Override
  default List<Value> outputs() {
    return List.of(y());
  }

  @Override
  default List<Value> overwritable() {
    return List.of(x());
  }

  @Override
  default void differentiate(Tape tape) {
    Value dx = x().gradient();
    tape.add(gradient(tape.gradientOf(y()), dx));
    tape.contribute(x(), dx);
  }
}
