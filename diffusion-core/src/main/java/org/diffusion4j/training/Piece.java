package org.diffusion4j.training;

import org.diffusion4j.Condition;

/** A part of a step that the model is given at once. */
record Piece(NoisyBatch batch, Condition condition) {

  int size() {
    return batch.t().length;
  }
}
