package org.diffusion4j.examples.serve;

import java.util.List;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The noise of one picture: that of a seed, or one on the way between two seeds.
 *
 * @param from a seed
 * @param to the same seed, or the one at the end of the way
 * @param index place on the way, in [0, count)
 * @param count number of places; 1 for a single seed
 */
record Noise(long from, long to, int index, int count) {

  static Noise of(long seed) {
    return new Noise(seed, seed, 0, 1);
  }

  /** The part of the way, in [0, 1]; 0 for a single seed. */
  double part() {
    return count == 1 ? 0 : index / (count - 1.0);
  }

  private NoiseSource.Batch start() {
    return count == 1
        ? NoiseSource.seeds(from).start().batch(0, 1)
        : NoiseSource.between(from, to, count).start().batch(index, 1);
  }

  /** The noise of a batch in which each picture has its own. */
  static NoiseSource of(List<Sample> samples) {
    return () ->
        (first, n) -> {
          List<NoiseSource.Batch> each =
              samples.subList(first, first + n).stream().map(s -> s.noise().start()).toList();
          return shape -> together(each, shape);
        };
  }

  private static INDArray together(List<NoiseSource.Batch> each, long... shape) {
    long[] one = shape.clone();
    one[0] = 1;
    INDArray all = Nd4j.createUninitialized(DataType.FLOAT, shape);
    for (int i = 0; i < each.size(); i++) {
      try (INDArray row = each.get(i).next(one)) {
        all.get(NDArrayIndex.interval(i, i + 1)).assign(row);
      }
    }
    return all;
  }
}
