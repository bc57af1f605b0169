package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Doubles height and width by repeating each pixel, or halves them by summing blocks of 2x2 pixels,
 * times a factor. These are nearest-neighbour upsampling and average pooling; each is the gradient
 * of the other. Where {@code x} and {@code y} have the same height, only the width changes, in
 * blocks of 1x2 pixels.
 *
 * @param up whether it doubles; otherwise what changes must be even in {@code x}
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
