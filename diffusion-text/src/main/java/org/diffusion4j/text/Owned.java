package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Arrays that are freed together. */
final class Owned implements AutoCloseable {

  private final List<INDArray> all = new ArrayList<>();

  INDArray add(INDArray array) {
    all.add(array);
    return array;
  }

  @Override
  public void close() {
    for (INDArray array : all) {
      if (array.closeable()) {
        array.close();
      }
    }
    all.clear();
  }
}
