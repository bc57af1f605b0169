package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;

class SampleLossTest {

  @Test
  void meanSquaredError_isTheMeanOverTheBatch_andTheDerivative() {
    SampleLoss loss =
        SampleLoss.meanSquaredError(Nd4j.createFromArray(new float[][] {{1, 2}, {3, 4}}));
    float[] gradient = {9, 9};
    assertThat(loss.of(0, new float[] {2, 0}, gradient)).isEqualTo((1 + 4) / 4.0);
    assertThat(gradient).containsExactly(0.5f, -1);
    assertThat(loss.of(1, new float[] {3, 7}, gradient)).isEqualTo(9 / 4.0);
    assertThat(gradient).containsExactly(0, 1.5f);
  }

  @Test
  void meanSquaredError_ofATargetThatIsAView_isThatOfItsValues() {
    SampleLoss loss =
        SampleLoss.meanSquaredError(
            Nd4j.createFromArray(new float[][] {{1, 3}, {2, 4}}).transpose());
    assertThat(loss.of(0, new float[] {1, 2}, new float[2])).isZero();
    assertThat(loss.of(1, new float[] {3, 4}, new float[2])).isZero();
  }

  @Test
  void meanSquaredError_withWeights_isTimesThem() {
    SampleLoss loss = SampleLoss.meanSquaredError(new float[] {1, 2, 3, 4}, new double[] {0.5, 0});
    float[] gradient = new float[2];
    assertThat(loss.of(0, new float[] {2, 0}, gradient)).isEqualTo((1 + 4) / 8.0);
    assertThat(gradient).containsExactly(0.25f, -0.5f);
    assertThat(loss.of(1, new float[] {9, 9}, gradient)).isZero();
    assertThat(gradient).containsExactly(0, 0);
  }

  @Test
  void meanSquaredError_ofOutputsOfAnotherLength_refuses() {
    SampleLoss loss = SampleLoss.meanSquaredError(new float[8], new double[] {1, 1});
    assertThatIllegalArgumentException()
        .isThrownBy(() -> loss.of(0, new float[8], new float[8]))
        .withMessage("outputs must have 4 values per sample but had 8");
  }
}
