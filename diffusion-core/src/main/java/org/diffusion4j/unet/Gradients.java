package org.diffusion4j.unet;

import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A loss and its gradients.
 *
 * @param loss a finite number, or not
 * @param of gradients by name, each of the shape of what it belongs to; owned by the caller
 */
public record Gradients(double loss, Map<String, INDArray> of) implements AutoCloseable {

  /** Frees the gradients. */
  @Override
  public void close() {
    of.values().forEach(INDArray::close);
  }
}
