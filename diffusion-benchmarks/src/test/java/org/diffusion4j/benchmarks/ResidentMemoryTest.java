package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.Test;

class ResidentMemoryTest {

  private static final List<String> STATUS =
      List.of("Name:\tjava", "VmHWM:\t  450048 kB", "VmRSS:\t  225280 kB");

  @Test
  void megabytes_areOfTheField() {
    assertThat(ResidentMemory.megabytes("VmHWM", STATUS)).isEqualTo(439.5);
    assertThat(ResidentMemory.megabytes("VmRSS", STATUS)).isEqualTo(220);
  }

  @Test
  void megabytes_ofAFieldThatIsNotThere_areRefused() {
    assertThatIllegalStateException()
        .isThrownBy(() -> ResidentMemory.megabytes("VmSwap", STATUS))
        .withMessage("/proc/self/status: must have a line VmSwap but has none");
  }
}
