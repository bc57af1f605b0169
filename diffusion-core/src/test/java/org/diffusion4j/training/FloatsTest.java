package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class FloatsTest {

  private final INDArray numbers = Nd4j.createFromArray(1f, 2f, 3f, 4f, 5f, 6f).reshape(3, 2);

  @Test
  void of_anyLayout_isInCOrder() {
    assertThat(Floats.of(numbers)).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(Floats.of(numbers.dup('f'))).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(Floats.of(numbers.transpose())).containsExactly(1, 3, 5, 2, 4, 6);
  }

  @Test
  void of_aPart_isThatPart() {
    assertThat(Floats.of(numbers.get(NDArrayIndex.interval(1, 3)))).containsExactly(3, 4, 5, 6);
    assertThat(Floats.of(numbers.get(NDArrayIndex.interval(2, 3)))).containsExactly(5, 6);
    assertThat(Floats.of(numbers.getColumn(1))).containsExactly(2, 4, 6);
    assertThat(Floats.of(numbers.get(NDArrayIndex.point(1), NDArrayIndex.point(1))))
        .containsExactly(4);
  }

  @Test
  void of_anotherType_refuses() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Floats.of(numbers.castTo(DataType.DOUBLE)))
        .withMessage("arrays must be FLOAT but one was DOUBLE");
  }
}
