package org.diffusion4j.training;

/**
 * The data of the last step, used to check its weights before a checkpoint is written.
 *
 * @param batch the batch
 * @param noisy the batch with noise
 * @param piece both, as the model got them
 * @param where the step
 */
record Evidence(Batch batch, Corruption.Noisy noisy, Piece piece, Descent.Where where)
    implements AutoCloseable {

  @Override
  public void close() {
    noisy.close();
    batch.close();
  }
}
