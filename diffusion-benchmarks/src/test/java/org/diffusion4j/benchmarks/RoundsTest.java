package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.diffusion4j.benchmarks.Contestant.LIBTORCH;
import static org.diffusion4j.benchmarks.Contestant.ONNXRUNTIME;
import static org.diffusion4j.benchmarks.Contestant.OURS;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoundsTest {

  private static final List<Contestant> PEERS = List.of(LIBTORCH, ONNXRUNTIME);

  private final List<Contestant> order = new ArrayList<>();

  @Test
  void compare_predictions_alternates() {
    rounds(2).compare(Cases.standard(Mode.INFER), PEERS);
    assertThat(order).containsExactly(OURS, LIBTORCH, ONNXRUNTIME, OURS, LIBTORCH, ONNXRUNTIME);
  }

  @Test
  void compare_training_leavesOutWhoCannotTrain() {
    rounds(2).compare(Cases.standard(Mode.TRAIN), PEERS);
    assertThat(order).containsExactly(OURS, LIBTORCH, OURS, LIBTORCH);
  }

  @Test
  void compare_takesTheMedianOfTheRounds() {
    Comparison comparison = rounds(3).compare(Cases.standard(Mode.TRAIN), PEERS);
    assertThat(comparison.ours().medianMs()).isEqualTo(3);
    assertThat(comparison.theirs().medianMs()).isEqualTo(4);
  }

  @Test
  void rounds_none_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> rounds(0))
        .withMessage("rounds must be at least 1 but were 0");
  }

  /** The n-th run takes n ms. */
  private Rounds rounds(int count) {
    return new Rounds(
        (contestant, what) -> {
          order.add(contestant);
          return Cases.measurement(order.size(), 100);
        },
        count);
  }
}
