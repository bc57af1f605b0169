package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShownTest {

  @Test
  void text_short_isItself() {
    assertThat(Shown.text("Grüße 3")).isEqualTo("Grüße 3");
    assertThat(Shown.text(null)).isEqualTo("null");
    assertThat(Shown.text(4.5)).isEqualTo("4.5");
  }

  @Test
  void text_long_isCutAndCounted() {
    assertThat(Shown.text("x".repeat(60_000))).isEqualTo("x".repeat(80) + "... (60000 characters)");
  }

  @Test
  void text_ofControlCharacters_isEscaped() {
    assertThat(Shown.text("a\nb\r\t\0\u001b[31m\u202e\u2028"))
        .isEqualTo("a\\nb\\r\\t\\u0000\\u001b[31m\\u202e\\u2028");
  }

  @Test
  void text_ofManyControlCharacters_isCutAsItIsShown() {
    assertThat(Shown.text("\0".repeat(30_000)))
        .isEqualTo("\\u0000".repeat(13) + "... (30000 characters)");
  }

  @Test
  void text_cutsNoCharacterInTwo() {
    assertThat(Shown.text("a😀😀", 2)).isEqualTo("a... (5 characters)");
  }

  @Test
  void list_long_saysHowManyMore() {
    assertThat(Shown.list(List.of("a", "b"))).isEqualTo("a, b");
    assertThat(Shown.list(List.of())).isEmpty();
    assertThat(Shown.list(Collections.nCopies(160_000, "y".repeat(500))))
        .hasSizeLessThan(700)
        .endsWith(" and 159995 more");
  }
}
