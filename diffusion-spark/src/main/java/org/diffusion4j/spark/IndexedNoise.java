package org.diffusion4j.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.NoiseSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The noise of any samples of a run.
 *
 * @param whole the noise of the run, which depends only on a sample's index
 * @param indices of the samples within the run
 */
record IndexedNoise(NoiseSource whole, int[] indices) implements NoiseSource {

  @Override
  public Run start() {
    Run run = whole.start();
    return (first, n) -> {
      List<Part> parts = new ArrayList<>();
      for (int from = first; from < first + n; ) {
        int to = from + 1;
        while (to < first + n && indices[to] == indices[to - 1] + 1) {
          to++;
        }
        parts.add(new Part(to - from, run.batch(indices[from], to - from)));
        from = to;
      }
      return parts.size() == 1 ? parts.get(0).noise : shape -> joined(parts, shape);
    };
  }

  /** The noise of consecutive samples. */
  private record Part(int n, Batch noise) {}

  private static INDArray joined(List<Part> parts, long[] shape) {
    List<INDArray> drawn = new ArrayList<>();
    try {
      for (Part part : parts) {
        long[] ofPart = shape.clone();
        ofPart[0] = part.n;
        drawn.add(part.noise.next(ofPart));
      }
      return Nd4j.concat(0, drawn.toArray(INDArray[]::new));
    } finally {
      drawn.forEach(INDArray::close);
    }
  }

  @Override
  public String toString() {
    return "IndexedNoise" + Arrays.toString(indices);
  }
}
