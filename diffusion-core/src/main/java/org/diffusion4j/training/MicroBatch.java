package org.diffusion4j.training;

import org.diffusion4j.Condition;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;

/**
 * The input of one call of the model. A step has several with gradient accumulation, otherwise one.
 */
record MicroBatch(Loss.NoisyBatch batch, Condition condition, Dropout dropout) {

  int size() {
    return batch.t().length;
  }
}
