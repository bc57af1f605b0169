package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

class EnlargingTest {

  private static final Offset<Float> ROUNDING = within(1e-6f);

  private static SampleSource images() {
    Random random = new Random(1);
    float[] values = new float[3 * 2 * 4 * 6];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    INDArray images = Nd4j.create(values, new long[] {3, 2, 4, 6}, 'c');
    return SampleSource.of(images, new int[] {0, 1, 0}, 2);
  }

  private static INDArray line(float... values) {
    return Nd4j.create(values, new long[] {1, 1, 1, values.length}, 'c');
  }

  @Test
  void reduced_hasTheMeansOfSquares() {
    INDArray image =
        Nd4j.create(new float[] {0, 1, 0, 0, 1, 0, 0, -1}, new long[] {1, 1, 2, 4}, 'c');
    INDArray low = SampleSource.reduced(image, 2);

    assertThat(low.shape()).containsExactly(1, 1, 1, 2);
    assertThat(low.data().asFloat()).containsExactly(0.5f, -0.25f);
  }

  /** The weights of Keys' kernel at 1/4, 3/4, 5/4 and 7/4 pixels. */
  @Test
  void enlarged_ofOnePixel_isKeysKernel() {
    float[] found = SampleSource.enlarged(line(0, 0, 0, 1, 0, 0, 0), 2).data().asFloat();
    double[] kernel = {0.8671875, 0.2265625, -0.0703125, -0.0234375};

    for (int distance = 0; distance < 4; distance++) {
      assertThat(found[7 + distance]).isEqualTo((float) kernel[distance], ROUNDING);
      assertThat(found[6 - distance]).isEqualTo((float) kernel[distance], ROUNDING);
    }
    assertThat(found[11]).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void enlarged_ofALinearRamp_isALinearRamp(int factor) {
    float[] values = new float[10];
    for (int i = 0; i < values.length; i++) {
      values[i] = -0.9f + 0.2f * i;
    }
    INDArray ramp = Nd4j.createFromArray(values);
    for (boolean vertical : new boolean[] {false, true}) {
      INDArray image = vertical ? ramp.reshape(1, 1, 10, 1) : ramp.reshape(1, 1, 1, 10);
      INDArray large = SampleSource.enlarged(image, factor);
      for (int i = 2 * factor; i < 8 * factor; i++) {
        float expected = (float) (-0.9 + 0.2 * ((i + 0.5) / factor - 0.5));
        float found = vertical ? large.getFloat(0, 0, i, 0) : large.getFloat(0, 0, 0, i);
        assertThat(found).isEqualTo(expected, ROUNDING);
      }
    }
  }

  @Test
  void enlarged_isClamped() {
    float[] found = SampleSource.enlarged(line(-1, -1, 1, 1), 2).data().asFloat();

    assertThat(Arrays.copyOf(found, 8))
        .containsExactly(new float[] {-1, -1, -1, -0.59375f, 0.59375f, 1, 1, 1}, ROUNDING);
  }

  @Test
  void read_givesTheImageAndItsEnlargedReduction() throws IOException {
    SampleSource images = images();
    SampleSource both = images.enlarging(2);
    assertThat(both.sampleShape()).containsExactly(4, 4, 6);
    assertThat(both.size()).isEqualTo(3);
    assertThat(both.label(1)).isEqualTo(1);
    assertThat(both.description()).isEqualTo("Enlarging[2, " + images.description() + "]");
    float[] image = new float[48];
    images.read(1, image);
    INDArray one = Nd4j.create(image, new long[] {1, 2, 4, 6}, 'c');
    INDArray picture = SampleSource.enlarged(SampleSource.reduced(one, 2), 2);
    float[] values = new float[96];
    both.read(1, values);

    assertThat(values).startsWith(image).endsWith(picture.data().asFloat());
  }

  @Test
  void flip_mirrorsBoth() {
    SampleSource both = images().enlarging(2);
    DataSet plain = SampleIterator.of(both, 3).build().next();
    DataSet flipped = SampleIterator.of(both, 3).flip(4).build().next();
    int mirrored = 0;
    for (int i = 0; i < 3; i++) {
      INDArray sample = plain.getFeatures().slice(i);
      INDArray other = flipped.getFeatures().slice(i);
      if (!other.equals(sample)) {
        assertThat(Nd4j.reverse(other.dup('c')).data().asFloat())
            .isEqualTo(Nd4j.reverse(mirrored(sample)).data().asFloat());
        mirrored++;
      }
    }
    assertThat(mirrored).isBetween(1, 2);
  }

  private static INDArray mirrored(INDArray sample) {
    INDArray mirrored = sample.dup('c');
    for (int x = 0; x < 6; x++) {
      for (int y = 0; y < 4; y++) {
        for (int c = 0; c < 4; c++) {
          mirrored.putScalar(c, y, x, sample.getDouble(c, y, 5 - x));
        }
      }
    }
    return mirrored;
  }

  @Test
  void enlarging_byAFactorThatDoesNotFit_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> images().enlarging(4))
        .withMessage("height and width must be multiples of the factor, 4, but were 4 x 6");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> images().enlarging(1))
        .withMessage("factor must be at least 2 but was 1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SampleSource.of(Nd4j.zeros(2, 4)).enlarging(2))
        .withMessage(
            "samples must have shape [channels, height, width] to be enlarged but have [4]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SampleSource.enlarged(Nd4j.zeros(2, 4), 2))
        .withMessage("pictures must have shape [n, channels, height, width] but had [2, 4]");
  }
}
