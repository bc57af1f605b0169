package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OurNetworkTest {

  private static final Net TINY = new Net("tiny", 4, 1, 8, List.of(1));

  @Test
  void train_runsTheListenerOnWholeBatches() {
    List<Integer> batches = new ArrayList<>();
    try (OurNetwork network = new OurNetwork(TINY, 3, ComputeType.FLOAT32)) {
      network.predict();
      network.train(2, step -> batches.add(step.batchSize()));
      network.train(1, step -> batches.add(step.batchSize()));
      assertThat(network.parameterCount()).isEqualTo(NetTest.parameters(TINY));
    }
    assertThat(batches).containsExactly(3, 3, 3);
  }
}
