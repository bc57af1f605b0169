package org.diffusion4j.engine.cpu;

import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.WeightCopy;
import org.diffusion4j.engine.graph.Weights;

/** A frozen weight that kernels read as an array in C order, such as a bias. */
record HeldWeight(Weights weights, String name) implements WeightCopy {

  @Override
  public long bytes() {
    return Value.length(weights.shape(name)) * Float.BYTES;
  }

  @Override
  public boolean isAllocated() {
    return weights.isHeld(name);
  }

  @Override
  public boolean isOlderThan(long version) {
    return !isAllocated();
  }

  @Override
  public void update(long version) {
    weights.array(name);
  }
}
