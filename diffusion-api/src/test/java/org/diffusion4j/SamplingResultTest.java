package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SamplingResultTest {

  private static INDArray samples() {
    return Nd4j.valueArrayOf(new long[] {2, 3}, 0.123f, DataType.FLOAT);
  }

  @Test
  void toString_givesShapesAlone_alsoWhenClosed() {
    SamplingResult.Snapshot kept = new SamplingResult.Snapshot(4, 7.5, samples(), samples());
    SamplingResult result =
        new SamplingResult(
            samples(), 20, Duration.ofSeconds(3), List.of(kept), OptionalLong.of(12));

    assertThat(result)
        .hasToString(
            "SamplingResult[samples=FLOAT [2, 3], denoiserCalls=20, duration=PT3S,"
                + " trajectory of 1 steps, seed=12]");
    assertThat(kept).hasToString("Snapshot[index=4, t=7.5, x=FLOAT [2, 3], x0=FLOAT [2, 3]]");
    result.close();
    assertThat(result.toString()).contains("samples=closed array");
    assertThat(kept.toString()).contains("x=closed array, x0=closed array");
  }

  @Test
  void toString_ofSteps_givesShapesAlone() {
    try (INDArray x = samples()) {
      assertThat(new SamplingListener.Step(64, 80, 3, 20, 850, x, x, Duration.ofSeconds(2)))
          .hasToString(
              "Step[first=64 of 80, index=3 of 20, t=850.0, x=FLOAT [2, 3], elapsed=PT2S]");
      NoiseSchedule.Level level = NoiseSchedule.Level.CLEAN;
      assertThat(new SamplingRequest.Hook.Step(0, 3, 20, 850, level, 800, level, x, shape -> x))
          .hasToString("Step[first=0, index=3 of 20, t=850.0, x=FLOAT [2, 3]]");
    }
  }

  @Test
  void seed_withoutOne_isEmpty() {
    try (SamplingResult result = new SamplingResult(samples(), 1, Duration.ZERO)) {
      assertThat(result.seed()).isEmpty();
      assertThat(result.trajectory()).isEmpty();
    }
  }
}
