package org.diffusion4j.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.MemoryLedger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class PlanMemoryTest {

  private static final int FEATURES = 1024;
  private static final int BATCH = 1024;

  private final SameDiff graph = graph();
  private long available = Long.MAX_VALUE;
  private final PlannedGraph plan =
      PlannedGraph.of(
              new Source(graph, () -> graph, List.of()),
              new MemoryLedger(() -> available),
              Workers.shared())
          .orElseThrow();

  private static SameDiff graph() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("x", DataType.FLOAT, -1, FEATURES);
    sd.identity("y", sd.nn().swish(x.mmul(sd.var("w", Nd4j.eye(FEATURES)))));
    return sd;
  }

  @AfterEach
  void close() {
    plan.close();
  }

  private INDArray output(int batch) {
    try (INDArray x = Nd4j.ones(DataType.FLOAT, batch, FEATURES)) {
      return plan.outputs(
              Map.of("x", x), Map.of("y", new long[] {batch, FEATURES}), Precision.FLOAT32)
          .get("y");
    }
  }

  private long bytes(int batch) {
    long[] shape = {batch, FEATURES};
    return plan.bytes(Map.of("x", shape), Map.of("y", shape), Set.of()).orElseThrow();
  }

  @Test
  void output_withTooLittleMemory_saysWhatIsNeededAndWhatFits() {
    available = 4 << 20;
    assertThatIllegalStateException()
        .isThrownBy(() -> output(BATCH))
        .withMessageMatching(
            "memory for a batch of 1024 must be at least \\d+ MB but 4 MB are available;"
                + " a batch of \\d+ fits");
  }

  @Test
  void output_ofTheBatchThatFits_works() {
    available = 4 << 20;
    int fits = 0;
    try {
      output(BATCH).close();
    } catch (IllegalStateException e) {
      fits = Integer.parseInt(e.getMessage().replaceAll(".*a batch of (\\d+) fits", "$1"));
    }
    assertThat(fits).isBetween(1, BATCH - 1);
    output(fits).close();
  }

  @Test
  void output_whereNothingFits_saysSo() {
    available = 1000;
    assertThatIllegalStateException()
        .isThrownBy(() -> output(2))
        .withMessageEndingWith("not even a batch of 1 fits");
  }

  @Test
  void bytes_coverTheValuesThatLiveAtOnce() {
    long values = (long) BATCH * FEATURES * Float.BYTES;
    assertThat(bytes(BATCH)).isBetween(2 * values, 3 * values);
  }

  @Test
  void output_ofAClosedPlan_isRefused() {
    plan.close();
    assertThatThrownBy(() -> output(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model is closed");
  }

  @Test
  void output_afterABatchThatWasRefused_isAsBefore() {
    long bytes = bytes(4);
    try (INDArray before = output(4)) {
      available = 4 << 20;
      assertThatIllegalStateException().isThrownBy(() -> output(BATCH));
      try (INDArray after = output(4)) {
        assertThat(after).isEqualTo(before);
      }
      assertThat(bytes(4)).isEqualTo(bytes);
    }
  }

  @Test
  void bytes_ofABatchTooLargeForOnePlanAThread_areThoseOfTheSmallerParts() {
    int batch = 1 << 21;
    long values = (long) batch * FEATURES * Float.BYTES;
    assertThat(bytes(batch)).isBetween(1L << 30, 3 * values);
  }

  @Test
  void output_ofWhatTheCallersArraysTake_isClaimedToo() {
    output(BATCH).close();
    available = 3 << 20; // The result alone takes 4 MB, the workspaces are there.
    assertThatIllegalStateException()
        .isThrownBy(() -> output(BATCH))
        .withMessageStartingWith("memory for a batch of 1024 must be at least 4 MB but 3 MB");
  }
}
