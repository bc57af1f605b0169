package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.training.NoisyBatches.normal;

import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

class CorruptionTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final ForwardProcess PROCESS = new ForwardProcess(SCHEDULE);
  private static final int[] T = {0, 30, 60, 99};

  private final INDArray x0 = normal(1, 4, 3, 5, 4);

  private static NoiseSource.Batch stream(int first, int n) {
    return NoiseSource.perSample(8).start().batch(first, n);
  }

  private Corruption.Noisy corrupt(Corruption corruption) {
    return corruption.corrupt(PROCESS, x0, T, stream(0, 4));
  }

  private static void assertClose(INDArray actual, INDArray expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.sub(expected).amaxNumber().doubleValue()).isCloseTo(0, within(1e-6));
  }

  @Test
  void corrupt_byDefault_isTheForwardProcess() {
    try (Corruption.Noisy noisy = corrupt(Corruption.standard())) {
      INDArray draw = stream(0, 4).next(4, 3, 5, 4);
      assertThat(noisy.noise()).isEqualTo(draw);
      assertThat(noisy.xt()).isEqualTo(PROCESS.noisy(x0, draw, T));
    }
  }

  @Test
  void corrupt_withOffset_addsOneNumberToAllNoiseOfAChannel() {
    try (Corruption.Noisy noisy = corrupt(Corruption.standard().withOffset(0.25))) {
      NoiseSource.Batch draws = stream(0, 4);
      INDArray expected = draws.next(4, 3, 5, 4);
      INDArray offsets = draws.next(4, 3, 1, 1);
      for (int i = 0; i < 4; i++) {
        for (int channel = 0; channel < 3; channel++) {
          double offset = 0.25 * offsets.getDouble(i, channel, 0, 0);
          expected.get(NDArrayIndex.point(i), NDArrayIndex.point(channel)).addi(offset);
        }
      }
      assertClose(noisy.noise(), expected);
      assertClose(noisy.xt(), PROCESS.noisy(x0, expected, T));
    }
  }

  @Test
  void corrupt_vectorsWithOffset_shiftsEachAsAWhole() {
    INDArray vectors = normal(1, 4, 6);
    try (Corruption.Noisy noisy =
        Corruption.standard().withOffset(1).corrupt(PROCESS, vectors, T, stream(0, 4))) {
      NoiseSource.Batch draws = stream(0, 4);
      INDArray expected = draws.next(4, 6);
      expected.addiColumnVector(draws.next(4, 1));
      assertClose(noisy.noise(), expected);
    }
  }

  @Test
  void corrupt_withPerturbation_hidesItFromTheTarget() {
    try (Corruption.Noisy noisy = corrupt(Corruption.standard().withPerturbation(0.5))) {
      NoiseSource.Batch draws = stream(0, 4);
      INDArray epsilon = draws.next(4, 3, 5, 4);
      INDArray xi = draws.next(4, 3, 5, 4);
      assertThat(noisy.noise()).isEqualTo(epsilon);
      assertClose(noisy.xt(), PROCESS.noisy(x0, epsilon.add(xi.mul(0.5)), T));
    }
  }

  @Test
  void corrupt_withBoth_putsTheOffsetIntoTheTargetAlone() {
    Corruption both = Corruption.standard().withPerturbation(0.5).withOffset(0.25);
    try (Corruption.Noisy noisy = corrupt(both);
        Corruption.Noisy offset = corrupt(Corruption.standard().withOffset(0.25))) {
      assertThat(noisy.noise()).isEqualTo(offset.noise());
      NoiseSource.Batch draws = stream(0, 4);
      draws.next(4, 3, 5, 4);
      draws.next(4, 3, 1, 1);
      INDArray xi = draws.next(4, 3, 5, 4);
      assertClose(noisy.xt(), PROCESS.noisy(x0, noisy.noise().add(xi.mul(0.5)), T));
    }
  }

  @Test
  void corrupt_inBatches_isTheSame() {
    Corruption both = Corruption.standard().withOffset(0.1).withPerturbation(0.1);
    try (Corruption.Noisy whole = corrupt(both)) {
      for (int i = 0; i < 4; i++) {
        INDArray one = x0.get(NDArrayIndex.interval(i, i + 1)).dup();
        try (Corruption.Noisy noisy = both.corrupt(PROCESS, one, new int[] {T[i]}, stream(i, 1))) {
          assertThat(noisy.noise().slice(0)).isEqualTo(whole.noise().slice(i));
          assertThat(noisy.xt().slice(0)).isEqualTo(whole.xt().slice(i));
        }
      }
    }
  }

  @Test
  void corrupt_leavesTheSamplesAlone() {
    INDArray before = x0.dup();
    corrupt(Corruption.standard().withOffset(0.1).withPerturbation(0.1)).close();
    assertThat(x0).isEqualTo(before);
  }

  @Test
  void corrupt_withoutATimestepForEachSample_refuses() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Corruption.standard()
                    .withOffset(0.1)
                    .withPerturbation(0.1)
                    .corrupt(PROCESS, x0, new int[] {1, 2}, stream(0, 4)))
        .withMessage("timesteps must be one per sample, 4, but were 2");
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1.5, Double.NaN, Double.POSITIVE_INFINITY})
  void strengths_outOfRange_areRefused(double strength) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Corruption.standard().withOffset(strength))
        .withMessage("offset must be in [0, 1] but was " + strength);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Corruption.standard().withPerturbation(strength))
        .withMessage("perturbation must be in [0, 1] but was " + strength);
  }

  @Test
  void toString_ofEach_describesIt() {
    assertThat(Corruption.standard()).hasToString("standard");
    assertThat(Corruption.standard().withOffset(0.1)).hasToString("standard(offset=0.1)");
    assertThat(Corruption.standard().withPerturbation(0.1))
        .hasToString("standard(perturbation=0.1)");
    assertThat(Corruption.standard().withOffset(0.1).withPerturbation(0.2))
        .hasToString("standard(offset=0.1, perturbation=0.2)");
  }
}
