package org.diffusion4j.engine.graph;

/**
 * Drops values of images with the masks of the call. Its gradient drops the same values.
 *
 * @param layer number of the layer, which determines the mask
 */
public record DropoutOp(String name, int layer, Value x, Value y) implements Unary {

  @Override
  public Node gradient(Value dy, Value dx) {
    return new DropoutOp(dx.name(), layer, dy, dx);
  }
}
