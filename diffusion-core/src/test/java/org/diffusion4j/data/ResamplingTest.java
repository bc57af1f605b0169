package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ResamplingTest {

  @Property(tries = 500)
  void weights_anyLengths_averageSourcePixels(
      @ForAll @IntRange(min = 1, max = 5000) int length,
      @ForAll @IntRange(min = 1, max = 300) int kept,
      @ForAll @IntRange(max = 300) int cropped) {
    Resampling resampling = Resampling.of(length, kept + cropped, kept);

    for (int i = 0; i < kept; i++) {
      float sum = 0;
      for (float weight : resampling.weights[i]) {
        assertThat(weight).isBetween(0f, 1f);
        sum += weight;
      }
      assertThat(sum).isCloseTo(1, within(1e-4f));
      assertThat(resampling.first[i]).isNotNegative();
      assertThat(resampling.first[i] + resampling.weights[i].length).isLessThanOrEqualTo(length);
      assertThat(resampling.end())
          .isGreaterThanOrEqualTo(resampling.first[i] + resampling.weights[i].length);
    }
  }

  @Test
  void of_sameLength_copies() {
    Resampling resampling = Resampling.of(3, 3, 3);

    assertThat(resampling.first).containsExactly(0, 1, 2);
    assertThat(resampling.weights).isDeepEqualTo(new float[][] {{1}, {1}, {1}});
  }

  @Test
  void of_longer_copiesTheMiddle() {
    assertThat(Resampling.of(6, 6, 3).first).containsExactly(1, 2, 3);
  }

  @Test
  void of_thirds_averagesByArea() {
    Resampling resampling = Resampling.of(3, 2, 2);

    assertThat(resampling.first).containsExactly(0, 1);
    assertThat(resampling.weights[0]).containsExactly(new float[] {2 / 3f, 1 / 3f}, within(1e-6f));
    assertThat(resampling.weights[1]).containsExactly(new float[] {1 / 3f, 2 / 3f}, within(1e-6f));
  }
}
