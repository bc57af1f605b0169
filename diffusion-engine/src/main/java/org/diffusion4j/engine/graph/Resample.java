package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Doubles height and width by repeating each pixel, or halves them by summing squares of four,
 * times a factor: nearest upsampling, average pooling, and the gradient of each by the other.
 *
 * @param up whether it doubles; if not, height and width of {@code x} are even
 */
public record Resample(String name, boolean up, double factor, Value x, Value y) implements Node {

  @Override
  public List<Value> inputs() {
    return List.of(x);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dx = x.gradient();
    tape.add(new Resample(dx.name(), !up, factor, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }
}
