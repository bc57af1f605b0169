package org.diffusion4j.samplers;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The noise that a sampler draws in a step. The first draw serves the known part of the samples
 * too: where one is used the other is not.
 */
final class StepNoise implements Supplier<INDArray>, AutoCloseable {

  private final Supplier<INDArray> source;
  private final boolean keeps;
  private @Nullable INDArray first;

  /**
   * @param keeps whether the first draw is kept
   */
  StepNoise(Supplier<INDArray> source, boolean keeps) {
    this.source = source;
    this.keeps = keeps;
  }

  @Override
  public INDArray get() {
    INDArray draw = source.get();
    if (keeps && first == null) {
      first = draw.dup('c');
    }
    return draw;
  }

  /** The first draw of the step, which this owns; it is drawn now if the sampler drew none. */
  INDArray first() {
    INDArray draw = first;
    if (draw == null) {
      draw = source.get();
      first = draw;
    }
    return draw;
  }

  @Override
  public void close() {
    if (first != null) {
      first.close();
    }
  }
}
