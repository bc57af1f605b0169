package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ScalingTest {

  @Property(tries = 100)
  void invert_undoesApply(
      @ForAll @Size(min = 1, max = 8) List<@DoubleRange(min = -1e6, max = 1e6) Double> column) {
    double[][] rows = new double[column.size()][];
    for (int r = 0; r < rows.length; r++) {
      rows[r] = new double[] {column.get(r), -2 * column.get(r)};
    }
    Scaling scaling = Scaling.fit(rows);

    for (double[] row : rows) {
      float[] scaled = scaling.apply(row);
      for (float value : scaled) {
        assertThat(value).isBetween(-1f, 1f);
      }
      try (INDArray back = scaling.invert(Nd4j.create(new float[][] {scaled}))) {
        double range = scaling.high(0) - scaling.low(0);
        assertThat(back.getDouble(0, 0)).isCloseTo(row[0], within(1e-6 * range));
        assertThat(back.getDouble(0, 1)).isCloseTo(row[1], within(2e-6 * range));
      }
    }
  }

  @Test
  void fit_constantColumn_mapsToZeroAndBack() {
    Scaling scaling = Scaling.fit(new double[][] {{3, 1}, {3, 2}});

    assertThat(scaling.apply(new double[] {3, 2})).containsExactly(0, 1);
    INDArray back = scaling.invert(Nd4j.create(new float[][] {{0.25f, 0}}));
    assertThat(back.toDoubleVector()).containsExactly(3, 1.5);
  }

  @Test
  void invert_view_leavesItAlone() {
    INDArray view = Nd4j.create(new float[][] {{-1, 1}, {0, 0}}).transpose();
    INDArray back = Scaling.of(new double[] {0, 0}, new double[] {2, 20}).invert(view);

    assertThat(back.toDoubleMatrix()).isDeepEqualTo(new double[][] {{0, 10}, {2, 10}});
    assertThat(view.toFloatMatrix()).isDeepEqualTo(new float[][] {{-1, 0}, {1, 0}});
  }

  @Test
  void withDecimals_eachFeature_roundsAndKeepsTheRange() {
    double[] low = {-3, 0, 0.5, 1e300};
    Scaling scaling = Scaling.of(low, new double[] {3, 10, 0.5, 3e300}).withDecimals(0, 2, 1, 9);

    INDArray back =
        scaling.invert(
            Nd4j.createFromArray(new double[][] {{0.4, 0.11114, 9, 0}, {5, -1.1, -9, -1}}));

    assertThat(back.toDoubleMatrix())
        .isDeepEqualTo(new double[][] {{1, 5.56, 0.5, 2e300}, {3, 0, 0.5, 1e300}});
    assertThat(Scaling.fit(new double[][] {{0}, {1}}).withDecimals(-1))
        .isNotEqualTo(Scaling.fit(new double[][] {{0}, {1}}));
    assertThat(Scaling.decimals(new double[][] {{1, 0.25, 1e-12, 1e20}, {-7, 0.5, 1, 100}}))
        .containsExactly(0, 2, -1, 0);
    assertThatThrownBy(() -> scaling.withDecimals(0))
        .hasMessage("decimals must be one per feature, 4, but were 1");
    assertThatThrownBy(() -> scaling.withDecimals(0, 10, 0, 0))
        .hasMessage("decimals must be in [-1, 9] but were 10");
  }

  @Test
  void scaling_badInput_isRefused() {
    assertThatThrownBy(() -> Scaling.fit(new double[0][]))
        .hasMessage("rows must be at least 1 but were 0");
    assertThatThrownBy(() -> Scaling.fit(new double[][] {{1, 2}, {1}}))
        .hasMessage("row 1 must have 2 features but has 1");
    assertThatThrownBy(() -> Scaling.fit(new double[][] {{1}, {Double.NaN}}))
        .hasMessage("values must be finite but row 1 has NaN at feature 0");
    assertThatThrownBy(() -> Scaling.of(new double[] {2}, new double[] {1}))
        .hasMessage("range of feature 0 must be finite but was [2.0, 1.0]");
    assertThatThrownBy(() -> Scaling.of(new double[2], new double[1]))
        .hasMessageEndingWith("but has 2 and 1");
    assertThatThrownBy(() -> Scaling.fit(new double[][] {{1, 2}}).invert(Nd4j.zeros(3, 4)))
        .hasMessage("samples must have shape [n, 2] or [n, 2, length] but had [3, 4]");
  }
}
