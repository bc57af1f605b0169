package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class NetTest {

  @Test
  void config_ofStandard_hasTheParametersOfDiffusers() {
    assertThat(parameters(Net.STANDARD)).isEqualTo(3_939_393);
  }

  @Test
  void config_ofStableDiffusion_hasItsParameters() {
    assertThat(parameters(Net.STABLE_DIFFUSION)).isEqualTo(859_520_964);
  }

  static long parameters(Net net) {
    return net.config().weightShapes().values().stream()
        .mapToLong(shape -> Arrays.stream(shape).reduce(1, Math::multiplyExact))
        .sum();
  }
}
