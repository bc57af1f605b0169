package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.data.SampleIterator.Position;
import org.diffusion4j.data.SampleIteratorTest.Counted;
import org.nd4j.linalg.dataset.DataSet;

class PrefetchingLawsTest {

  @Property(tries = 40)
  void next_anySettings_isWhatIsWithin(
      @ForAll @IntRange(min = 1, max = 30) int size,
      @ForAll @IntRange(min = 1, max = 35) int batchSize,
      @ForAll @IntRange(min = 1, max = 5) int batches,
      @ForAll @IntRange(min = 0, max = 20) int before,
      @ForAll long seed) {
    SampleIterator.Builder settings =
        SampleIterator.of(new Counted(size, 3, -1), batchSize).shuffle(seed).flip(seed);
    SampleIterator plain = settings.build();
    try (PrefetchingIterator data = PrefetchingIterator.of(settings.build(), batches)) {
      assertSame(plain, data, before);
      assertThat(data.description()).isEqualTo(plain.description());
      Position middle = data.position();
      assertSame(plain, data, 4);
      plain.seek(middle);
      data.seek(middle);
      assertSame(plain, data, 4);
      plain.reset();
      data.reset();
      assertSame(plain, data, 4);
    }
  }

  private static void assertSame(SampleIterator expected, SampleIterator actual, int count) {
    for (int i = 0; i < count; i++) {
      assertThat(actual.position()).isEqualTo(expected.position());
      assertThat(actual.hasNext()).isEqualTo(expected.hasNext());
      DataSet batch = SampleIteratorTest.nextOfAnyEpoch(expected);
      DataSet other = SampleIteratorTest.nextOfAnyEpoch(actual);
      assertThat(other.getFeatures()).isEqualTo(batch.getFeatures());
      assertThat(other.getLabels()).isEqualTo(batch.getLabels());
      assertThat(actual.position()).isEqualTo(expected.position());
    }
  }
}
