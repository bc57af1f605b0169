package org.diffusion4j.training;

/**
 * The data of the last step, used to check its weights before a checkpoint is written.
 *
 * @param batch the batch
 * @param noisy the batch with noise
 * @param microBatch both, as the model got them
 * @param where the step
 */
record LastStep(Batch batch, Corruption.Noisy noisy, MicroBatch microBatch, Descent.Where where)
    implements AutoCloseable {

  @Override
  public void close() {
    noisy.close();
    batch.close();
  }
}
