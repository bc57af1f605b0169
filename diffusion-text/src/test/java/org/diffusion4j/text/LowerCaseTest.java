package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LowerCaseTest {

  @ParameterizedTest
  @CsvSource({
    "\u03A3, \u03C3", // alone
    "A\u03A3, a\u03C2", // at the end
    "A\u03A3B, a\u03C3b",
    "A\u03A3-B, a\u03C2-b", // a hyphen is not ignorable
    "A\u03A3.B, a\u03C3.b", // a full stop is
    "A.\u03A3, a.\u03C2",
    "A\u03A3\u0301, a\u03C2\u0301",
    "1\u03A3, 1\u03C3",
    "\u0130, i\u0307",
    "\u1E9E, \u00DF",
    "\uD801\uDC00, \uD801\uDC28",
  })
  void lowerCase_isUnicodes(String text, String lower) {
    assertThat(LowerCase.of(text)).isEqualTo(lower);
  }

  @Property
  void lowerCase_withoutSigma_isJavas(@ForAll @CharRange(to = '\u0370') String text) {
    assertThat(LowerCase.of(text)).isEqualTo(text.toLowerCase(Locale.ROOT));
  }
}
