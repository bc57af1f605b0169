package org.diffusion4j.unet;

import java.util.Map;
import org.diffusion4j.engine.graph.Losses;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A loss and its gradients, in memory that belongs to the denoiser and is used again once this is
 * closed.
 */
public final class Gradients implements AutoCloseable {

  private final Losses losses;
  private final Map<String, INDArray> of;
  private final Runnable closer;
  private boolean closed;

  Gradients(Losses losses, Map<String, INDArray> of, Runnable closer) {
    this.losses = losses;
    this.of = of;
    this.closer = closer;
  }

  /** The sum of {@link #losses()}: a finite number, or not. */
  public double loss() {
    return losses.sum();
  }

  /** What each sample contributed to the loss, {@code [n]}. */
  public double[] losses() {
    return losses.bySample();
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
