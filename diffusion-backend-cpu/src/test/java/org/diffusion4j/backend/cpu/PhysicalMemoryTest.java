package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PhysicalMemoryTest {

  private static final long MB = 1 << 20;

  @Test
  void limit_ofASmallContainer_isItsMemoryWithoutAMargin() {
    assertThat(PhysicalMemory.limit(512 * MB, 256 * MB)).isEqualTo(480 * MB);
    assertThat(PhysicalMemory.limit(2048 * MB, 1024 * MB)).isEqualTo(1984 * MB);
  }

  @Test
  void limit_ofALargeMachine_isLeftToJavaCpp() {
    assertThat(PhysicalMemory.limit(64 * 1024 * MB, 256 * MB)).isZero();
    assertThat(PhysicalMemory.limit(1088 * MB, 256 * MB)).isZero();
    assertThat(PhysicalMemory.limit(1087 * MB, 256 * MB)).isEqualTo(1023 * MB);
  }

  @Test
  void limit_ofUnknownMemory_isLeftToJavaCpp() {
    assertThat(PhysicalMemory.limit(0, 256 * MB)).isZero();
    assertThat(PhysicalMemory.limit(-1, 256 * MB)).isZero();
  }
}
