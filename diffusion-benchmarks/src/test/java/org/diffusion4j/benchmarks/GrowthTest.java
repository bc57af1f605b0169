package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GrowthTest {

  @Test
  void isCheckpoint_ofManySteps_isSometimes() {
    assertThat(IntStream.rangeClosed(1, 1600).filter(step -> Growth.isCheckpoint(step, 1600)))
        .containsExactly(100, 500, 1000, 1500, 1600);
  }

  @Test
  void hasGrown_isOverFivePercent() {
    assertThat(Growth.hasGrown(200, 210)).isFalse();
    assertThat(Growth.hasGrown(200, 211)).isTrue();
    assertThat(Growth.hasGrown(200, 150)).isFalse();
  }
}
