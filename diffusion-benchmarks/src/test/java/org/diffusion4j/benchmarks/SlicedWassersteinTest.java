package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class SlicedWassersteinTest {

  private static final double[][] REFERENCE = {{0, 0}, {1, 5}, {-3, 2}};

  private final SlicedWasserstein distance = new SlicedWasserstein(REFERENCE);

  @Test
  void of_theReferenceInAnotherOrder_isZero() {
    assertThat(distance.of(new double[][] {{-3, 2}, {0, 0}, {1, 5}})).isZero();
  }

  /** A direction sees of a shift its projection; two at right angles see it all between them. */
  @Test
  void of_shiftedSamples_isTheShift() {
    double right = distance.of(new double[][] {{2, 0}, {3, 5}, {-1, 2}});
    double up = distance.of(new double[][] {{0, 2}, {1, 7}, {-3, 4}});
    assertThat(right * right + up * up).isCloseTo(4, within(1e-12));
    assertThat(right).isBetween(1.3, 1.5);
  }

  @Test
  void of_numbers_isTheDistanceOnTheLine() {
    double[][] numbers = {{0}, {2}, {4}};
    assertThat(new SlicedWasserstein(numbers).of(new double[][] {{7}, {0}, {2}}))
        .isCloseTo(Math.sqrt(3), within(1e-12));
  }

  @Test
  void of_anotherNumberOfSamples_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> distance.of(new double[][] {{0, 0}}))
        .withMessage("samples must be as many as the reference's, 3, but were 1");
  }
}
