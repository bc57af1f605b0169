package org.diffusion4j.internal.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.function.Consumer;
import org.diffusion4j.engine.graph.WeightSource;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

class FrozenTest {

  /** Weights whose headers cannot be read. */
  private static final class Damaged implements WeightSource {

    private boolean closed;

    @Override
    public Map<String, long[]> shapes() {
      throw new IllegalStateException("damaged");
    }

    @Override
    public DataType type(String name) {
      throw new IllegalStateException("damaged");
    }

    @Override
    public void read(String name, Consumer<INDArray> use) {
      throw new IllegalStateException("damaged");
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  @Test
  void build_whatCannotBePlanned_closesTheWeights() {
    Damaged weights = new Damaged();
    assertThatThrownBy(() -> Frozen.build(weights, () -> new GraphRunner(SameDiff.create())))
        .hasMessage("damaged");
    assertThat(weights.closed).isTrue();
  }
}
