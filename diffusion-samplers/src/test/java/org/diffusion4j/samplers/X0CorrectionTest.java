package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.diffusion4j.NoiseSchedule.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class X0CorrectionTest {

  private static final Level LEVEL = Level.of(0.5);

  @Test
  void none_changesNothing() {
    assertThat(corrected(X0Correction.none(), row(-5, 0.5f, 7))).containsExactly(-5, 0.5f, 7);
  }

  @Test
  void clip_setsWhatIsBeyondToTheEnds() {
    assertThat(corrected(X0Correction.clip(1), row(-5, -1, -0.25f, 0, 1, 1.5f)))
        .containsExactly(-1, -1, -0.25f, 0, 1, 1);
    assertThat(corrected(X0Correction.clip(2.5), row(-5, 2.25f, 3)))
        .containsExactly(-2.5f, 2.25f, 2.5f);
  }

  @Test
  void dynamicThreshold_interpolatesTheQuantileLinearly() {
    // |x| sorted: 0.5 1 2 3 4; the 0.9 quantile is at 3.6: 3 + 0.6 = 3.6.
    assertThat(corrected(X0Correction.dynamicThreshold(0.9, 100), row(-4, 1, 3, -0.5f, 2)))
        .usingComparatorWithPrecision(1e-6f)
        .containsExactly(-1, 1 / 3.6f, 3 / 3.6f, -0.5f / 3.6f, 2 / 3.6f);
    // The 0.6 quantile is at 2.4: 2 + 0.4 = 2.4.
    assertThat(corrected(X0Correction.dynamicThreshold(0.6, 100), row(-4, 1, 3, -0.5f, 2)))
        .usingComparatorWithPrecision(1e-6f)
        .containsExactly(-1, 1 / 2.4f, 1, -0.5f / 2.4f, 2 / 2.4f);
  }

  @Test
  void dynamicThreshold_ofTheWholeIsTheLargest() {
    assertThat(corrected(X0Correction.dynamicThreshold(1, 100), row(-4, 1, 3)))
        .usingComparatorWithPrecision(1e-6f)
        .containsExactly(-1, 0.25f, 0.75f);
  }

  @Test
  void dynamicThreshold_isAtLeast1AndAtMostTheLimit() {
    assertThat(corrected(X0Correction.dynamicThreshold(0.995, 1.5), row(-0.5f, 0.25f, 0.75f)))
        .containsExactly(-0.5f, 0.25f, 0.75f);
    assertThat(corrected(X0Correction.dynamicThreshold(1, 1.5), row(-4, 0.75f, 3)))
        .usingComparatorWithPrecision(1e-6f)
        .containsExactly(-1, 0.5f, 1);
    assertThat(corrected(X0Correction.dynamicThreshold(1, 1), row(-4, 0.75f, 3)))
        .containsExactly(-1, 0.75f, 1);
  }

  @Test
  void dynamicThreshold_isOfEachSampleAlone() {
    float[] values = {4, 1, -2, 0, 0.5f, -0.25f, 0.125f, 1, 8, -8, 2, 1};
    for (long[] shape : new long[][] {{3, 4}, {3, 2, 2}, {3, 1, 2, 2}, {3, 2, 1, 2}}) {
      INDArray x0 = Nd4j.create(values.clone(), shape, 'c');
      X0Correction.dynamicThreshold(1, 100).correct(x0, x0, LEVEL);
      assertThat(x0.shape()).isEqualTo(shape);
      assertThat(Values.of(x0))
          .containsExactly(1, 0.25f, -0.5f, 0, 0.5f, -0.25f, 0.125f, 1, 1, -1, 0.25f, 0.125f);
    }
  }

  @Test
  void corrections_takeAnyLayoutOneSampleAndOneNumber() {
    float[] values = {4, 1, -2, 0, 0.5f, -0.25f};
    INDArray columns = Nd4j.create(values.clone(), new long[] {2, 3}, 'c').dup('f');
    X0Correction.dynamicThreshold(1, 100).correct(columns, columns, LEVEL);
    assertThat(Values.of(columns)).containsExactly(1, 0.25f, -0.5f, 0, 0.5f, -0.25f);
    INDArray one = Values.column(4, -2, 0.5f);
    X0Correction.dynamicThreshold(0.995, 2).correct(one, one, LEVEL);
    assertThat(Values.of(one)).containsExactly(1, -1, 0.5f);
  }

  @Test
  void dynamicThreshold_agreesWithADefinitionInDouble() {
    INDArray x0 = Values.normal(3, 4, 3, 8, 8).muli(2);
    float[] before = Values.of(x0);
    X0Correction.dynamicThreshold(0.97, 3).correct(x0, x0, LEVEL);
    float[] after = Values.of(x0);
    int length = 192;
    for (int i = 0; i < 4; i++) {
      double[] sizes = new double[length];
      for (int k = 0; k < length; k++) {
        sizes[k] = Math.abs(before[i * length + k]);
      }
      java.util.Arrays.sort(sizes);
      // 0.97 * 191 = 185.27
      double quantile = sizes[185] + 0.27 * (sizes[186] - sizes[185]);
      double threshold = Math.min(Math.max(quantile, 1), 3);
      assertThat(quantile).isBetween(3.0, 6.0);
      for (int k = 0; k < length; k++) {
        double x = before[i * length + k];
        double expected = Math.max(-threshold, Math.min(threshold, x)) / threshold;
        assertThat((double) after[i * length + k]).isCloseTo(expected, within(1e-6));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN})
  void clip_toNoRangeIsRefused(double range) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> X0Correction.clip(range))
        .withMessage("clip range must be positive but was " + range);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.1, 1.01, Double.NaN})
  void dynamicThreshold_ofNoQuantileIsRefused(double ratio) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> X0Correction.dynamicThreshold(ratio, 1))
        .withMessage("quantile must be in (0, 1] but was " + ratio);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN})
  void dynamicThreshold_withALimitThatIsNotPositiveIsRefused(double limit) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> X0Correction.dynamicThreshold(0.5, limit))
        .withMessage("limit must be positive but was " + limit);
  }

  private static INDArray row(float... values) {
    return Nd4j.create(values.clone(), new long[] {1, values.length}, 'c');
  }

  private static float[] corrected(X0Correction correction, INDArray x0) {
    correction.correct(x0, x0, LEVEL);
    return Values.of(x0);
  }
}
