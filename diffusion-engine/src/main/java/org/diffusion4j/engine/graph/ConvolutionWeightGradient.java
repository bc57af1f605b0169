package org.diffusion4j.engine.graph;

import java.util.List;

/** The gradients of a convolution with respect to its weight and its bias. */
public record ConvolutionWeightGradient(Convolution of, Value dy, Value dw, Value db)
    implements Node {

  @Override
  public String name() {
    return dw.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(of.x(), dy);
  }

  @Override
  public List<Value> outputs() {
    return List.of(dw, db);
  }
}
