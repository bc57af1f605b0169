package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TonedTextTest {

  @Test
  void tonesAreTakenFromTheEnd() {
    assertThat(TonedText.of("man: red hair, medium-light skin tone"))
        .contains(new TonedText("man: red hair", 1));
    assertThat(TonedText.of("leg, dark skin tone")).contains(new TonedText("leg", 4));
    assertThat(TonedText.of("light bulb")).isEmpty();
    assertThat(TonedText.of("leg, pale skin tone")).isEmpty();
  }

  @Test
  void concept_isTheRest() {
    assertThat(TonedText.conceptOf("leg, medium-dark skin tone")).isEqualTo("leg");
    assertThat(TonedText.conceptOf("light bulb")).isEqualTo("light bulb");
  }

  @Test
  void text_isWhatItWasReadFrom() {
    String text = "waving hand sign, medium skin tone";
    assertThat(TonedText.of(text).orElseThrow().text()).isEqualTo(text);
  }
}
