package org.diffusion4j.unet;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A loss and its gradients, in memory that belongs to the denoiser and is used again once this is
 * closed.
 */
public final class Gradients implements AutoCloseable {

  private final double loss;
  private final Map<String, INDArray> of;
  private final Runnable closer;
  private boolean closed;

  Gradients(double loss, Map<String, INDArray> of, Runnable closer) {
    this.loss = loss;
    this.of = of;
    this.closer = closer;
  }

  /** A finite number, or not. */
  public double loss() {
    return loss;
  }

  /**
   * Gradients by name, each of the shape of what it belongs to and in C order, valid until this is
   * closed.
   */
  public Map<String, INDArray> of() {
    return of;
  }

  /** Gives the memory back. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      closer.run();
    }
  }
}
