package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class SamplingListenerTest {

  /** Seven samples in batches of 4 and 3, of five steps each. */
  private static SamplingListener.Step step(int first, int index, Duration elapsed) {
    INDArray x = Nd4j.zeros(DataType.FLOAT, first == 0 ? 4 : 3, 2);
    return new SamplingListener.Step(first, 7, index, 5, 10, x, x, elapsed);
  }

  @Test
  void progress_isTheShareOfTheSamplesSteps() {
    assertThat(step(0, 0, Duration.ZERO).progress()).isEqualTo(4.0 / 35);
    assertThat(step(0, 4, Duration.ZERO).progress()).isEqualTo(20.0 / 35);
    assertThat(step(4, 0, Duration.ZERO).progress()).isEqualTo(23.0 / 35);
    assertThat(step(4, 4, Duration.ZERO).progress()).isEqualTo(1);
  }

  @Test
  void remaining_isRightInEveryBatchWhereEachSampleTakesEquallyLong() {
    Duration total = Duration.ofMillis(3500);
    for (int first : new int[] {0, 4}) {
      for (int index = 0; index < 5; index++) {
        int done = 5 * first + (first == 0 ? 4 : 3) * (index + 1);
        Duration elapsed = Duration.ofMillis(100L * done);
        assertThat(step(first, index, elapsed).remaining().toMillis())
            .isEqualTo(total.minus(elapsed).toMillis());
      }
    }
    assertThat(step(4, 4, total).remaining()).isZero();
  }

  @Test
  void andThen_tellsBothInOrder() {
    List<String> told = new ArrayList<>();
    SamplingListener first = step -> told.add("first " + step.index());
    first.andThen(step -> told.add("next " + step.index())).onStep(step(0, 3, Duration.ZERO));
    assertThat(told).containsExactly("first 3", "next 3");
  }
}
