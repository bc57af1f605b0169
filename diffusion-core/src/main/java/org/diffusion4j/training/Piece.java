package org.diffusion4j.training;

import org.diffusion4j.Condition;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;

/** A part of a step: one call of the model. */
record Piece(Loss.NoisyBatch batch, Condition condition, Dropout dropout) {

  int size() {
    return batch.t().length;
  }
}
