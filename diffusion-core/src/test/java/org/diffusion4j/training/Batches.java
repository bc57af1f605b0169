package org.diffusion4j.training;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Given batches in order, which may be begun anew or not. */
final class Batches implements DataSetIterator {

  private final boolean resettable;
  private final List<DataSet> batches;
  private int next;

  Batches(boolean resettable, DataSet... batches) {
    this.resettable = resettable;
    this.batches = List.of(batches);
  }

  @Override
  public boolean hasNext() {
    return next < batches.size();
  }

  @Override
  public DataSet next() {
    return batches.get(next++);
  }

  @Override
  public DataSet next(int n) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean resetSupported() {
    return resettable;
  }

  @Override
  public void reset() {
    if (!resettable) {
      throw new UnsupportedOperationException();
    }
    next = 0;
  }

  @Override
  public int inputColumns() {
    throw new UnsupportedOperationException();
  }

  @Override
  public int totalOutcomes() {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean asyncSupported() {
    return false;
  }

  @Override
  public int batch() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void setPreProcessor(DataSetPreProcessor preProcessor) {
    throw new UnsupportedOperationException();
  }

  @Override
  public @Nullable DataSetPreProcessor getPreProcessor() {
    return null;
  }

  @Override
  public List<String> getLabels() {
    return List.of();
  }
}
