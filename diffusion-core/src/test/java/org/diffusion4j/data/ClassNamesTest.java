package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ClassNamesTest {

  @Test
  void sorted_wholeNumbers_areInTheirOrder() {
    assertThat(ClassNames.sorted(List.of("10", "2", "1", "10", "01", "-3")))
        .containsExactly("-3", "01", "1", "2", "10");
    assertThat(ClassNames.sorted(List.of("012", "002", "010")))
        .containsExactly("002", "010", "012");
  }

  @Test
  void sorted_anyOtherName_makesItText() {
    assertThat(ClassNames.sorted(List.of("10", "2", "a"))).containsExactly("10", "2", "a");
    assertThat(ClassNames.sorted(List.of("10", "2", "1.5"))).containsExactly("1.5", "10", "2");
    assertThat(ClassNames.sorted(List.of("2", "10000000000000000000")))
        .containsExactly("10000000000000000000", "2");
  }

  @Test
  void show_many_countsTheRest() {
    assertThat(ClassNames.show(List.of("cat", "dog\n"))).isEqualTo("0 = cat, 1 = dog\\n");
    assertThat(ClassNames.show(Samples.numberedClasses(100))).endsWith("19 = 19 and 80 more");
  }
}
