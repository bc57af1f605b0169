package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Drops values of images with the masks of the call. Its gradient drops the same values.
 *
 * @param layer number of the layer, which determines the mask
 */
public record DropoutOp(String name, int layer, Value x, Value y) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(x);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public List<Value> overwritable() {
    return List.of(x);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = x.gradient();
    tape.add(new DropoutOp(dx.name(), layer, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }
}
