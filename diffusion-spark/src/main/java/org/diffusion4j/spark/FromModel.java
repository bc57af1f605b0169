package org.diffusion4j.spark;

import java.io.Serializable;
import org.diffusion4j.pretrained.PretrainedModel;

/**
 * Makes on an executor, of the model that it has loaded, what cannot be sent there.
 *
 * @param <T> what is made
 */
@FunctionalInterface
public interface FromModel<T> extends Serializable {

  /**
   * Called by each task.
   *
   * @param model shared by the tasks of the executor; only for predictions
   */
  T of(PretrainedModel model);
}
