package org.diffusion4j.engine.graph;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The losses of a batch and their gradients, in memory that is reused after this is closed. */
public final class LossGradients implements AutoCloseable {

  private final Losses losses;
  private final Map<String, INDArray> gradients;
  private final Runnable closer;
  private boolean closed;

  /**
   * @param closer releases the memory
   */
  public LossGradients(Losses losses, Map<String, INDArray> gradients, Runnable closer) {
    this.losses = losses;
    this.gradients = gradients;
    this.closer = closer;
  }

  public Losses losses() {
    return losses;
  }

  /** The gradients by name, in C order. */
  public Map<String, INDArray> gradients() {
    return gradients;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      closer.run();
    }
  }
}
