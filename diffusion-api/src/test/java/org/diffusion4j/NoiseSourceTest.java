package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class NoiseSourceTest {

  private static NoiseSource.Batch batch(long seed, int first, int n) {
    return NoiseSource.perSample(seed).start().batch(first, n);
  }

  private static float[] draw(long seed, int first, int n, long... shape) {
    try (INDArray drawn = batch(seed, first, n).next(shape)) {
      return drawn.data().asFloat();
    }
  }

  /** A change here gives every seed another meaning. */
  @Test
  void firstValues_ofASeedStay() {
    assertThat(draw(42, 0, 2, 2, 4))
        .containsExactly(
            -0.63152117f,
            0.55426663f,
            0.33194017f,
            -0.039520614f,
            0.50671905f,
            0.115544535f,
            -1.1779695f,
            -0.31433076f);
    assertThat(draw(-1, 1_000_000, 1, 1, 4))
        .containsExactly(-1.9442133f, 0.51030606f, 0.5518051f, -0.9926579f);
    NoiseSource.Batch batch = batch(0, 3, 1);
    batch.next(1, 100);
    assertThat(batch.next(1).data().asFloat()).containsExactly(0.9742058f);
  }

  @Test
  void sample_isTheSameWhateverItsBatch() {
    float[] all = draw(7, 0, 20, 20, 3, 2, 2);
    for (int first : new int[] {0, 1, 7, 19}) {
      for (int n : new int[] {1, 2, 13}) {
        int count = Math.min(n, 20 - first);
        assertThat(draw(7, first, count, count, 3, 2, 2))
            .containsExactly(Arrays.copyOfRange(all, first * 12, (first + count) * 12));
      }
    }
  }

  @Test
  void laterDraws_areTheSameWhateverTheBatch() {
    NoiseSource.Batch both = batch(7, 0, 2);
    NoiseSource.Batch second = batch(7, 1, 1);
    both.next(2, 5);
    second.next(1, 5);
    float[] pair = both.next(2, 4).data().asFloat();
    assertThat(second.next(1, 4).data().asFloat()).containsExactly(Arrays.copyOfRange(pair, 4, 8));
  }

  @Test
  void seeds_giveEachSampleTheNoiseOfARequestForOne() {
    long[] seeds = {5, -7, 5, Long.MAX_VALUE};
    NoiseSource source = NoiseSource.seeds(seeds);
    NoiseSource.Batch all = source.start().batch(0, 4);
    NoiseSource.Batch last = source.start().batch(3, 1);
    for (int draw = 0; draw < 2; draw++) {
      float[] values = all.next(4, 3).data().asFloat();
      for (int i = 0; i < 4; i++) {
        NoiseSource.Batch alone = batch(seeds[i], 0, 1);
        for (int k = 0; k < draw; k++) {
          alone.next(1, 3);
        }
        assertThat(Arrays.copyOfRange(values, 3 * i, 3 * i + 3))
            .as("draw %s of sample %s", draw, i)
            .containsExactly(alone.next(1, 3).data().asFloat());
      }
      assertThat(last.next(1, 3).data().asFloat())
          .containsExactly(Arrays.copyOfRange(values, 9, 12));
    }
  }

  @Test
  void seeds_areCopied() {
    long[] seeds = {1};
    NoiseSource source = NoiseSource.seeds(seeds);
    seeds[0] = 2;
    assertThat(source.start().batch(0, 1).next(1, 4)).isEqualTo(batch(1, 0, 1).next(1, 4));
  }

  @Test
  void seeds_ofFewerSamplesAreRefused() {
    assertRefused(NoiseSource::seeds, "seeds must be at least 1 but were 0");
    NoiseSource.Run run = NoiseSource.seeds(1, 2, 3).start();
    assertRefused(() -> run.batch(2, 2), "one seed per sample", "are 3 for samples up to 4");
    assertRefused(() -> run.batch(0, 0), "number of samples", "was 0");
  }

  @Test
  void between_endsAtBothSeeds_inEveryDraw() {
    NoiseSource source = NoiseSource.between(3, -8, 5);
    NoiseSource.Batch all = source.start().batch(0, 5);
    NoiseSource.Batch middle = source.start().batch(2, 2);
    NoiseSource.Batch from = batch(3, 0, 1);
    NoiseSource.Batch to = batch(-8, 0, 1);
    for (int draw = 0; draw < 3; draw++) {
      float[] strip = all.next(5, 4).data().asFloat();
      float[] x = from.next(1, 4).data().asFloat();
      float[] y = to.next(1, 4).data().asFloat();
      assertThat(Arrays.copyOf(strip, 4)).containsExactly(x);
      assertThat(Arrays.copyOfRange(strip, 16, 20)).containsExactly(y);
      for (int k = 0; k < 4; k++) {
        double half = Math.sqrt(0.5) * x[k] + Math.sqrt(0.5) * y[k];
        assertThat((double) strip[8 + k]).isCloseTo(half, within(1e-6));
      }
      assertThat(middle.next(2, 4).data().asFloat())
          .containsExactly(Arrays.copyOfRange(strip, 8, 16));
    }
  }

  @Test
  void between_isStandardNormalOnTheWholeWay() {
    float[] strip = NoiseSource.between(1, 2, 4).start().batch(0, 4).next(4, 5000).data().asFloat();
    for (int i = 0; i < 4; i++) {
      double squares = 0;
      for (int k = 0; k < 5000; k++) {
        squares += strip[5000 * i + k] * strip[5000 * i + k];
      }
      assertThat(squares / 5000).isCloseTo(1, within(4 * Math.sqrt(2.0 / 5000)));
    }
  }

  @Test
  void between_outOfRange_isRefused() {
    assertRefused(() -> NoiseSource.between(1, 2, 1), "count must be at least 2 but was 1");
    assertRefused(
        () -> NoiseSource.between(1, 2, 3).start().batch(2, 2),
        "samples between two seeds must be at most 3 but were up to 4");
  }

  @Test
  void spherical_keepsNormsAndEnds() {
    INDArray from = batch(1, 0, 1).next(1, 2, 3);
    INDArray to = batch(2, 0, 1).next(1, 2, 3).muli(from.norm2Number().doubleValue());
    to.divi(to.norm2Number().doubleValue()).muli(from.norm2Number().doubleValue());
    INDArray strip = NoiseSource.spherical(from, to.dup('f'), 7);
    assertThat(strip.shape()).containsExactly(7, 2, 3);
    assertThat(strip.slice(0)).isEqualTo(from.slice(0));
    assertThat(strip.slice(6)).isEqualTo(to.slice(0));
    double step = strip.slice(1).distance2(strip.slice(0));
    for (int i = 0; i < 7; i++) {
      assertThat(strip.slice(i).norm2Number().doubleValue())
          .isCloseTo(from.norm2Number().doubleValue(), within(1e-5));
      if (i > 0) {
        assertThat(strip.slice(i).distance2(strip.slice(i - 1))).isCloseTo(step, within(1e-5));
      }
    }
  }

  @Test
  void spherical_alongALine_isStraight() {
    INDArray one = Nd4j.createFromArray(new float[][] {{1, 2}});
    INDArray three = Nd4j.createFromArray(new float[][] {{3, 6}});
    assertThat(NoiseSource.spherical(one, three, 3).data().asFloat())
        .containsExactly(1, 2, 2, 4, 3, 6);
    assertThat(NoiseSource.spherical(one, one.mul(-1), 3).data().asFloat())
        .containsExactly(1, 2, 0, 0, -1, -2);
    assertThat(NoiseSource.spherical(one.mul(0), three, 2).data().asFloat())
        .containsExactly(0, 0, 3, 6);
  }

  @Test
  void spherical_thatDoesNotFit_isRefused() {
    INDArray pair = Nd4j.createFromArray(new float[][] {{1, 2}});
    INDArray two = Nd4j.createFromArray(new float[][] {{1, 2}, {3, 4}});
    assertRefused(
        () -> NoiseSource.spherical(pair, two, 3),
        "to must be FLOAT [1, sampleShape...], both of one shape, but was FLOAT [2, 2]");
    assertRefused(() -> NoiseSource.spherical(two, two, 3), "from must be FLOAT [1, sampleShape");
    assertRefused(
        () -> NoiseSource.spherical(pair, pair.castTo(DataType.DOUBLE), 3), "was DOUBLE [1, 2]");
    assertRefused(
        () -> NoiseSource.spherical(pair, pair.div(0), 3), "to must be finite but was not");
    assertRefused(() -> NoiseSource.spherical(pair, pair, 1), "count must be at least 2 but was 1");
  }

  @Test
  void source_startsAnewForEachRun() {
    NoiseSource source = NoiseSource.perSample(5);
    NoiseSource.Run run = source.start();
    INDArray first = run.batch(0, 3).next(3, 4);
    assertThat(run.batch(0, 3).next(3, 4)).isEqualTo(first);
    assertThat(source.start().batch(0, 3).next(3, 4)).isEqualTo(first);
  }

  @Test
  void draws_differFromEachOther() {
    NoiseSource.Batch batch = batch(5, 0, 2);
    float[] first = batch.next(2, 50).data().asFloat();
    float[] second = batch.next(2, 50).data().asFloat();
    assertThat(first).doesNotContain(second);
    assertThat(Arrays.copyOfRange(first, 0, 50)).doesNotContain(Arrays.copyOfRange(first, 50, 100));
    assertThat(draw(6, 0, 2, 2, 50)).doesNotContain(first);
  }

  @Test
  void draw_isFloatOfTheShapeAskedFor() {
    INDArray image = batch(1, 0, 2).next(2, 3, 4, 5);
    assertThat(image.dataType()).isEqualTo(DataType.FLOAT);
    assertThat(image.shape()).containsExactly(2, 3, 4, 5);
    assertThat(batch(1, 0, 2).next(2).shape()).containsExactly(2);
  }

  @Test
  void values_ofOneSampleAreStandardNormal() {
    assertStandardNormal(draw(11, 0, 1, 1, 100_000));
  }

  @Test
  void firstValues_ofManySamplesAreStandardNormal() {
    assertStandardNormal(draw(12, 0, 100_000, 100_000));
  }

  @Test
  void firstValues_ofManySeedsAreStandardNormal() {
    assertStandardNormal(seeds(100_000, 1, seed -> 0));
  }

  @Test
  void neighbouringSamples_areNotCorrelated() {
    float[] values = draw(13, 0, 1001, 1001, 100);
    assertNotCorrelated(values, 100);
  }

  @Test
  void neighbouringSeeds_areNotCorrelated() {
    assertNotCorrelated(seeds(1001, 100, seed -> 0), 100);
  }

  @Test
  void sampleAndSeed_areNotInterchangeable() {
    assertNotCorrelated(seeds(1001, 100, seed -> 1000 - seed), 100);
    assertNotCorrelated(seeds(1001, 100, seed -> seed), 100);
  }

  /** {@code length} values of one sample of each of the seeds from 0. */
  private static float[] seeds(int count, int length, IntUnaryOperator sample) {
    float[] values = new float[count * length];
    for (int seed = 0; seed < count; seed++) {
      float[] drawn = draw(seed, sample.applyAsInt(seed), 1, 1, length);
      System.arraycopy(drawn, 0, values, seed * length, length);
    }
    return values;
  }

  private static void assertStandardNormal(float[] values) {
    int n = values.length;
    double[] moments = new double[5];
    for (float value : values) {
      for (int k = 1; k <= 4; k++) {
        moments[k] += Math.pow(value, k) / n;
      }
    }
    // Four standard errors of the raw moments of a standard normal variable.
    assertThat(moments[1]).isCloseTo(0, within(4 * Math.sqrt(1.0 / n)));
    assertThat(moments[2]).isCloseTo(1, within(4 * Math.sqrt(2.0 / n)));
    assertThat(moments[3]).isCloseTo(0, within(4 * Math.sqrt(15.0 / n)));
    assertThat(moments[4]).isCloseTo(3, within(4 * Math.sqrt(96.0 / n)));
    assertNotCorrelated(values, 1);
  }

  private static void assertNotCorrelated(float[] values, int lag) {
    int n = values.length - lag;
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += (double) values[i] * values[i + lag];
    }
    assertThat(sum / n).isCloseTo(0, within(4 / Math.sqrt(n)));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void batch_withoutSamplesIsRefused(int n) {
    assertRefused(() -> batch(1, 0, n), "number of samples", "at least 1", "was " + n);
  }

  @Test
  void batch_fromBelowZeroIsRefused() {
    assertRefused(() -> batch(1, -1, 2), "first sample", "at least 0", "was -1");
  }

  @Test
  void shape_ofAnotherBatchIsRefused() {
    NoiseSource.Batch batch = batch(1, 0, 2);
    assertRefused(() -> batch.next(3, 4), "batch's size, 2", "was [3, 4]");
    assertRefused(() -> batch.next(), "batch's size, 2", "was []");
  }

  @Test
  void shape_withoutASizeIsRefused() {
    NoiseSource.Batch batch = batch(1, 0, 2);
    assertRefused(() -> batch.next(2, 0), "positive", "was [2, 0]");
    assertRefused(() -> batch.next(2, 3, -1), "positive", "was [2, 3, -1]");
    assertRefused(() -> batch.next(2, 1L << 40), "at most 2147483647", "was [2, 1099511627776]");
    assertRefused(
        () -> batch.next(2, 1 << 20, 1 << 20), "at most 2147483647", "was [2, 1048576, 1048576]");
  }

  private static void assertRefused(ThrowingCallable call, String... parts) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(parts);
  }
}
