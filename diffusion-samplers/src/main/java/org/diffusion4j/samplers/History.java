package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.NoiseSchedule.Level;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The last predictions of a multistep method and their noise levels. Owns its arrays. */
final class History implements AutoCloseable {

  private record Entry(Level level, INDArray value) {}

  private final List<Entry> entries = new ArrayList<>();
  private final int capacity;

  /**
   * @param capacity maximum number of predictions, at least 1
   */
  History(int capacity) {
    this.capacity = capacity;
  }

  /** Adds the newest and removes the oldest if there are too many. */
  void push(Level level, INDArray value) {
    entries.add(0, new Entry(level, value));
    if (entries.size() > capacity) {
      entries.remove(capacity).value.close();
    }
  }

  int size() {
    return entries.size();
  }

  /** The {@code i}-th prediction before the newest. */
  INDArray value(int i) {
    return entries.get(i).value;
  }

  /** The noise level of {@link #value}. */
  Level level(int i) {
    return entries.get(i).level;
  }

  @Override
  public void close() {
    entries.forEach(entry -> entry.value.close());
    entries.clear();
  }
}
