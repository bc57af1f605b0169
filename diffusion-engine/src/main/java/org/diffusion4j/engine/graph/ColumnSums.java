package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Sums each feature over the batch.
 *
 * @param x {@code [batch, features]}
 * @param y {@code [features]}
 */
public record ColumnSums(String name, Value x, Value y) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(x);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public boolean divisible() {
    return false;
  }
}
