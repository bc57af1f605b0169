package org.diffusion4j.samplers;

import java.util.Arrays;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The known part of a batch of samples. After each step it replaces theirs: Song et al. 2021,
 * "imputation"; RePaint (Lugmayr et al. 2022), equation 8.
 */
final class KnownPart implements AutoCloseable {

  private final INDArray x0;
  private final INDArray mask;

  private KnownPart(INDArray x0, INDArray mask) {
    this.x0 = x0;
    this.mask = mask;
  }

  /**
   * Checks the known part of a request.
   *
   * @param all shape of all samples of the request
   * @throws IllegalArgumentException if a type, a shape or a value does not fit
   */
  static void require(SamplingRequest.Known known, long[] all) {
    require("known samples", known.x0(), all, false);
    require("mask", known.mask(), all, true);
    int bad = Finite.firstBad(known.x0());
    if (bad >= 0) {
      throw new IllegalArgumentException(
          "known samples must be finite but were not for sample " + bad);
    }
    double least = known.mask().minNumber().doubleValue();
    double most = known.mask().maxNumber().doubleValue();
    if (!(least >= 0 && most <= 1) || Finite.firstBad(known.mask()) >= 0) {
      throw new IllegalArgumentException(
          "mask must be in [0, 1] but was in [" + least + ", " + most + "]");
    }
  }

  private static void require(String what, INDArray array, long[] all, boolean anyChannel) {
    boolean fits =
        !array.wasClosed()
            && array.dataType() == DataType.FLOAT
            && array.rank() == all.length
            && (array.size(0) == 1 || array.size(0) == all[0])
            && (array.size(1) == all[1] || (anyChannel && array.size(1) == 1));
    for (int d = 2; fits && d < all.length; d++) {
      fits = array.size(d) == all[d];
    }
    if (!fits) {
      String[] sizes = Arrays.stream(all).mapToObj(Long::toString).toArray(String[]::new);
      sizes[0] = oneOr(all[0]);
      sizes[1] = anyChannel ? oneOr(all[1]) : sizes[1];
      throw new IllegalArgumentException(
          what + " must be FLOAT " + Arrays.toString(sizes) + " but were " + Shown.array(array));
    }
  }

  private static String oneOr(long size) {
    return size == 1 ? "1" : "1 or " + size;
  }

  /**
   * That of a batch.
   *
   * @param first index of the batch's first sample within the request
   * @param shape of the batch
   */
  static KnownPart of(SamplingRequest.Known known, int first, long[] shape) {
    INDArray x0 = full(known.x0(), first, shape);
    boolean done = false;
    try {
      KnownPart part = new KnownPart(x0, full(known.mask(), first, shape));
      done = true;
      return part;
    } finally {
      if (!done) {
        x0.close();
      }
    }
  }

  /** The values of a batch, repeated where there is one for all samples or all channels. */
  private static INDArray full(INDArray array, int first, long[] shape) {
    INDArray rows =
        array.size(0) == 1 ? array : array.get(NDArrayIndex.interval(first, first + shape[0]));
    if (Arrays.equals(rows.shape(), shape)) {
      return rows.dup('c');
    }
    INDArray full = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    for (long i = 0; i < shape[0]; i++) {
      INDArray from = rows.slice(rows.size(0) == 1 ? 0 : i);
      for (long c = 0; c < shape[1]; c++) {
        full.slice(i).slice(c).assign(from.slice(from.size(0) == 1 ? 0 : c));
      }
    }
    return full;
  }

  /** Replaces the known part of samples by its own at a noise level. */
  void replaceIn(INDArray x, Level level, StepNoise noise) {
    Elements.blend(x, mask, level.signal(), x0, level.noise(), noise.first());
  }

  /** Replaces the known part of samples by its own without noise. */
  void replaceIn(INDArray x) {
    Elements.blend(x, mask, 1, x0, 0, x0);
  }

  @Override
  public void close() {
    x0.close();
    mask.close();
  }
}
