package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Adds a weight to each part of a value that has the weight's length: a bias to each row, positions
 * to each sentence, a mask to each head.
 *
 * @param x {@code [..., shape of b]}, in C order
 * @param b a weight, in C order
 * @param y as {@code x}
 */
public record Shift(String name, Value x, Value b, Value y) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(x, b);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(x);
  }

  /** Not if each sample has a part of the weight of its own. */
  @Override
  public boolean divisible() {
    return !x.isWeight() && (b.rank() < x.rank() || b.size(0) == 1);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    tape.contribute(x, dy);
    if (tape.wants(b)) {
      Value gradient = b.gradient();
      tape.add(new ColumnSums(gradient.name(), dy, gradient));
      tape.contribute(b, gradient);
    }
  }
}
