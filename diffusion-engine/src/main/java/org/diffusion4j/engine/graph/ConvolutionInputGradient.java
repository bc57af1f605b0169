package org.diffusion4j.engine.graph;

import java.util.List;

/** The gradient of a convolution with respect to its input. */
public record ConvolutionInputGradient(Convolution of, Value dy, Value dx) implements Node {

  @Override
  public String name() {
    return dx.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(dy, of.w());
  }

  @Override
  public List<Value> outputs() {
    return List.of(dx);
  }
}
