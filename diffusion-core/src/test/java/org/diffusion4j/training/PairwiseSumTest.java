package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.training.PairwiseSum.Block;
import org.junit.jupiter.api.Test;

class PairwiseSumTest {

  private static PairwiseSum<StringBuilder> text() {
    return new PairwiseSum<>(
        (sum, term) -> sum.insert(0, '(').append('+').append(term).append(')'));
  }

  private static void addAll(PairwiseSum<StringBuilder> sum, int from, int to) {
    for (int i = from; i < to; i++) {
      sum.add(new Block<>(i, 1, new StringBuilder().append(i)));
    }
  }

  @Test
  void terms_areAddedInPairs() {
    PairwiseSum<StringBuilder> sum = text();
    addAll(sum, 0, 7);
    assertThat(sum.total()).hasToString("(((0+1)+(2+3))+((4+5)+6))");
    assertThat(sum.blocks()).isEmpty();
  }

  /** However the terms are divided, the parts have the same sum. */
  @Property
  void order_doesNotDependOnTheDivision(
      @ForAll @IntRange(min = 1, max = 40) int n, @ForAll @IntRange(min = 1, max = 40) int parts) {
    PairwiseSum<StringBuilder> whole = text();
    addAll(whole, 0, n);
    PairwiseSum<StringBuilder> ofParts = text();
    for (int p = 0; p < parts; p++) {
      PairwiseSum<StringBuilder> part = text();
      addAll(part, p * n / parts, (p + 1) * n / parts);
      part.blocks().forEach(ofParts::add);
    }
    assertThat(ofParts.total()).hasToString(whole.total().toString());
  }
}
