package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.Test;

class NativeMemoryTest {

  @Test
  void require_whatIsThere_passes() {
    NativeMemory.require("a test", 1 << 20);
    NativeMemory.require("samples", 10, 4, 100);
  }

  @Test
  void require_moreThanThereIs_namesNeedAndWhatIsThere() {
    assertThatIllegalStateException()
        .isThrownBy(() -> NativeMemory.require("a test", Long.MAX_VALUE))
        .withMessageMatching(
            "memory for a test must be at least 8796093022208 MB but \\d+ MB are available");
  }

  @Test
  void require_tooMany_saysHowManyWouldFit() {
    assertThatIllegalStateException()
        .isThrownBy(() -> NativeMemory.require("samples", Integer.MAX_VALUE, 1L << 30, 0))
        .withMessageMatching(
            "memory for 2147483647 samples must be at least 2199023254528 MB but \\d+ MB are"
                + " available; (\\d+ would fit|not even 1 would fit)");
  }

  @Test
  void product_tooLargeForALong_isTheLargest() {
    assertThat(NativeMemory.product(2, 3, 4)).isEqualTo(24);
    assertThat(NativeMemory.product(Long.MAX_VALUE, 0, 3)).isZero();
    assertThat(NativeMemory.product(1L << 40, 1L << 40)).isEqualTo(Long.MAX_VALUE);
    assertThat(NativeMemory.sum(Long.MAX_VALUE, 4)).isEqualTo(Long.MAX_VALUE);
  }
}
