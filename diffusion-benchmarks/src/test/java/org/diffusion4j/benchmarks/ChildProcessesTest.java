package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class ChildProcessesTest {

  /** Others do not tell a process the memory that it has had. */
  @EnabledOnOs(OS.LINUX)
  @Test
  void run_tinyNetwork_isMeasured() {
    Net tiny = new Net("tiny", 4, 1, 8, List.of(1));
    Case what = new Case(tiny, Mode.INFER, 1, 1, ComputeType.FLOAT32, 0.1);
    Measurement measured = new ChildProcesses().run(Contestant.ONNXRUNTIME, what);
    assertThat(measured.medianMs()).isPositive();
    assertThat(measured.minMs()).isPositive().isLessThanOrEqualTo(measured.medianMs());
    assertThat(measured.peakMb()).isBetween(20.0, 1000.0);
    assertThat(measured.parameters()).isEqualTo(NetTest.parameters(tiny));
  }
}
