package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Longs;
import java.util.Arrays;
import java.util.Optional;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Resample;
import org.diffusion4j.engine.graph.Value;
import org.jspecify.annotations.Nullable;

/** Converts operations on images to nodes: convolutions, pooling and upsampling. */
final class ImageOps {

  private final Reading reading;
  private final Precision precision;

  /**
   * @param precision of convolutions
   */
  ImageOps(Reading reading, Precision precision) {
    this.reading = reading;
    this.precision = precision;
  }

  boolean convolution(Op op) {
    Optional<Convolution> node = convolution(op, null, op.result());
    node.ifPresent(reading::add);
    return node.isPresent();
  }

  /** A convolution that oneDNN supports, if the graph's is one. */
  Optional<Convolution> convolution(Op op, @Nullable Value addend, String result) {
    long[] i = op.integers();
    boolean simple = op.in().size() == 3 && i.length >= 11 && i[6] == 1 && i[7] == 1;
    if (!simple || i[8] > 1 || i[9] != 0 || i[10] != 0) {
      return Optional.empty();
    }
    Value w = reading.value(op.in().get(1));
    Value b = reading.value(op.in().get(2));
    if (!w.isWeight() || !b.isWeight() || b.rank() != 1) {
      return Optional.empty();
    }
    Value x = reading.image(reading.value(op.in().get(0)));
    long[] strides = {i[2], i[3]};
    long[] before = {i[4], i[5]};
    long[] after = {i[4], i[5]};
    long[] size = new long[2];
    for (int d = 0; d < 2; d++) {
      long in = x.size(2 + d);
      long kernel = w.size(d);
      if (i[8] == 1) {
        size[d] = (in + strides[d] - 1) / strides[d];
        long total = Math.max(0, (size[d] - 1) * strides[d] + kernel - in);
        before[d] = total / 2;
        after[d] = total - before[d];
      } else {
        size[d] = (in + 2 * before[d] - kernel) / strides[d] + 1;
        // Rows that the last window does not reach are not padding.
        after[d] = (size[d] - 1) * strides[d] + kernel - in - before[d];
      }
    }
    Value y = Value.activation(result, x.size(0), w.size(3), size[0], size[1]);
    if (addend != null && !addend.sameShape(y)) {
      return Optional.empty();
    }
    Convolution.Geometry geometry =
        new Convolution.Geometry(Longs.asList(strides), Longs.asList(before), Longs.asList(after));
    return Optional.of(new Convolution(geometry, x, w, b, addend, y, precision));
  }

  boolean upsampling(Op op) {
    long[] i = op.integers();
    if (i.length < 3 || i[0] < 1 || i[0] > 2 || i[1] != 2 || i[2] != 1) {
      return false;
    }
    Value x = reading.image(reading.value(op.in().get(0)));
    Value y = Value.activation(op.result(), x.size(0), x.size(1), i[0] * x.size(2), 2 * x.size(3));
    reading.add(new Resample(op.result(), true, 1, x, y));
    return true;
  }

  boolean pooling(Op op) {
    long[] i = op.integers();
    Value x = reading.value(op.in().get(0));
    boolean halves =
        i.length >= 11
            && Arrays.equals(Arrays.copyOf(i, 6), new long[] {2, 2, 2, 2, 0, 0})
            && i[6] == 1
            && i[7] == 1
            && i[8] == 0
            && i[10] == 0
            && x.size(2) % 2 == 0
            && x.size(3) % 2 == 0;
    if (!halves) {
      return false;
    }
    Value y = Value.activation(op.result(), x.size(0), x.size(1), x.size(2) / 2, x.size(3) / 2);
    reading.add(new Resample(op.result(), false, 0.25, reading.image(x), y));
    return true;
  }
}
