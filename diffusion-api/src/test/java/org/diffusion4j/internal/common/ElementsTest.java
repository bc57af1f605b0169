package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.ops.transforms.Transforms;

class ElementsTest {

  private static final long[] SHAPE = {3, 5, 1, 1201};

  private final RandomGenerator random = new L64X128MixRandom(5);

  private INDArray normal(long... shape) {
    float[] values = new float[Math.toIntExact(NativeMemory.product(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(-40, 30)));
    }
    return Nd4j.create(values, shape, 'c');
  }

  /** An array in C order, a part of one, one in Fortran order, columns, and one of doubles. */
  private List<INDArray> layouts() {
    return List.of(
        normal(SHAPE),
        normal(5, 5, 1, 1201).get(NDArrayIndex.interval(1, 4)),
        normal(SHAPE).dup('f'),
        normal(3, 5, 1, 1300)
            .get(
                NDArrayIndex.all(),
                NDArrayIndex.all(),
                NDArrayIndex.all(),
                NDArrayIndex.interval(7, 1208)),
        normal(SHAPE).castTo(DataType.DOUBLE));
  }

  /** Exactly the values, of which arrays compare only the first digits. */
  private static double[] values(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asDouble();
    }
  }

  private static void assertSame(INDArray actual, INDArray expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.dataType()).isEqualTo(expected.dataType());
    assertThat(values(actual)).containsExactly(values(expected));
  }

  @Test
  void results_areThoseOfNd4j_bitForBit() {
    for (INDArray x : layouts()) {
      for (INDArray y : List.of(normal(SHAPE).castTo(x.dataType()), x)) {
        INDArray sum = x.mul(0.3).addi(y.mul(-1.7));

        assertSame(Elements.combine(0.3, x, -1.7, y), sum);
        assertSame(Elements.times(1 / 3.0, x), x.mul(1 / 3.0));
        assertSame(Elements.add(x.dup(), 0.7, y), x.add(y.mul(0.7)));
      }
      INDArray added = x.add(x.mul(0.1));
      assertSame(Elements.add(x, 0.1, x.dup()), added);
      INDArray clamped = Transforms.min(Transforms.max(x, -0.9), 0.9);
      Elements.clamp(x, 0.9);
      assertSame(x, clamped);
      INDArray divided = x.div(0.3);
      Elements.divide(x, 0.3);
      assertSame(x, divided);
      assertSame(Elements.twice(x), Nd4j.concat(0, x, x));
    }
  }

  @Test
  void firstNotFinite_findsTheFirstInAnyLayout() {
    for (INDArray x : layouts()) {
      assertThat(Elements.firstNotFinite(x)).isEqualTo(-1);
      x.putScalar(new long[] {2, 3, 0, 1200}, Float.NaN);
      assertThat(Elements.firstNotFinite(x)).isEqualTo((2 * 5 + 3) * 1201 + 1200);
      x.putScalar(new long[] {1, 0, 0, 4}, Float.NEGATIVE_INFINITY);
      assertThat(Elements.firstNotFinite(x)).isEqualTo(5 * 1201 + 4);
    }
    INDArray large = Nd4j.valueArrayOf(new long[] {2}, Float.MAX_VALUE, DataType.FLOAT);
    assertThat(Elements.firstNotFinite(large)).isEqualTo(-1);
  }
}
