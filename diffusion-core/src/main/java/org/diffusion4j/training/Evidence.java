package org.diffusion4j.training;

/**
 * What the last step has seen, and what its weights are proved on before they are kept.
 *
 * @param batch of the data
 * @param noisy what was made of it
 * @param piece both, as the model was given them
 * @param where the step was
 */
record Evidence(Batch batch, Corruption.Noisy noisy, Piece piece, Descent.Where where)
    implements AutoCloseable {

  @Override
  public void close() {
    noisy.close();
    batch.close();
  }
}
