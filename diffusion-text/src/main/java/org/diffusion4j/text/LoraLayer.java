package org.diffusion4j.text;

import java.util.Arrays;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.WeightLayout;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The change {@code alpha / rank * up * down} of a layer's weight (Hu et al. 2021, section 4.1).
 * The matrices are on the heap, in PyTorch's layout, and must not be changed.
 *
 * @param down {@code [rank, in]}, of a convolution {@code [rank, in, kernel, kernel]}
 * @param up {@code [out, rank]}, of a convolution {@code [out, rank, 1, 1]}
 */
record LoraLayer(Matrix down, Matrix up, double alpha) {

  /** A tensor of a file. */
  @SuppressWarnings("ArrayRecordComponent")
  record Matrix(float[] values, long[] shape) {

    /** The shape without sizes of 1 at its end, down to two dimensions. */
    long[] significant() {
      int rank = shape.length;
      while (rank > 2 && shape[rank - 1] == 1) {
        rank--;
      }
      return Arrays.copyOf(shape, rank);
    }

    INDArray array(long rows) {
      return Nd4j.create(values, new long[] {rows, values.length / rows}, 'c');
    }

    INDArray array() {
      return Nd4j.create(values, shape, 'c');
    }
  }

  long rank() {
    return down.shape[0];
  }

  /**
   * Checks that the matrices fit together.
   *
   * @throws IllegalArgumentException if not
   */
  void requireProduct() {
    long[] left = up.significant();
    if (down.shape.length < 2 || left.length != 2 || left[1] != rank() || rank() < 1) {
      throw new IllegalArgumentException(
          "up must be [out, rank] and down [rank, in, ...] but were "
              + Shown.text(Arrays.toString(up.shape))
              + " and "
              + Shown.text(Arrays.toString(down.shape)));
    }
    if (!Double.isFinite(alpha) || !finite(up.values) || !finite(down.values)) {
      throw new IllegalArgumentException("values must be finite but one is not");
    }
  }

  private static boolean finite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the change has the shape of a weight. */
  boolean fits(String name, long[] shape) {
    long[] weight = WeightLayout.TORCH.shape(name, shape);
    if (weight.length < 2) {
      return false;
    }
    long[] change = down.significant();
    change[0] = up.shape[0];
    return Arrays.equals(change, new Matrix(new float[0], weight).significant());
  }

  /** The shape of the change in PyTorch's layout, for messages. */
  String shown() {
    long[] change = down.significant();
    change[0] = up.shape[0];
    return Shown.text(Arrays.toString(change));
  }

  /**
   * Adds the change to a weight.
   *
   * @param name of the weight
   * @param weight in the graph's layout
   */
  void addTo(String name, INDArray weight, double scale) {
    long[] shape = WeightLayout.TORCH.shape(name, weight.shape());
    try (INDArray left = up.array(up.shape[0]);
        INDArray right = down.array(rank());
        INDArray change = Nd4j.createUninitialized(DataType.FLOAT, left.size(0), right.size(1))) {
      left.mmuli(right, change);
      change.muli((float) (scale * alpha / rank()));
      weight.addi(WeightLayout.TORCH.fromFile(name, change.reshape(shape)));
    }
  }
}
