package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.diffusion4j.Condition;
import org.diffusion4j.data.SampleIterator.Position;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class SampleIteratorTest {

  /** Sample i is [i / 1000, 0], an image of one row. */
  record Counted(int size, int classes, int broken) implements SampleSource {

    @Override
    public long[] sampleShape() {
      return new long[] {1, 1, 2};
    }

    @Override
    public void read(int index, float[] into) throws IOException {
      if (index == broken) {
        throw new IOException("picture.png: is damaged");
      }
      into[0] = index / 1000f;
      into[1] = 0;
    }

    @Override
    public int label(int index) {
      return index % classes;
    }

    @Override
    public List<String> classNames() {
      return Samples.numberedClasses(classes);
    }
  }

  static Counted counted(int size) {
    return new Counted(size, 0, -1);
  }

  /** The indices of the samples from here to the end of the epoch. */
  private static List<Integer> epoch(SampleIterator iterator) {
    List<Integer> indices = new ArrayList<>();
    while (iterator.hasNext()) {
      DataSet data = iterator.next();
      for (int i = 0; i < data.getFeatures().size(0); i++) {
        float first = data.getFeatures().getFloat(i, 0, 0, 0);
        float second = data.getFeatures().getFloat(i, 0, 0, 1);
        indices.add(Math.round(1000 * (first + second)));
      }
    }
    return indices;
  }

  private static List<Integer> all(int size) {
    return IntStream.range(0, size).boxed().toList();
  }

  @Test
  void next_byDefault_keepsOrderAndPartialBatch() {
    SampleIterator iterator = SampleIterator.of(counted(5), 2).build();

    DataSet first = iterator.next();
    assertThat(first.getFeatures().shape()).containsExactly(2, 1, 1, 2);
    assertThat(first.getFeatures().dataType()).isEqualTo(DataType.FLOAT);
    assertThat(first.getLabels()).isNull();
    iterator.next();
    assertThat(iterator.next().getFeatures().shape()).containsExactly(1, 1, 1, 2);
    assertThat(iterator.hasNext()).isFalse();
    assertThatThrownBy(iterator::next)
        .isInstanceOf(NoSuchElementException.class)
        .hasMessage("epoch 0 has no more batches");
    iterator.reset();
    assertThat(epoch(iterator)).isEqualTo(all(5));
    assertThat(iterator.epoch()).isEqualTo(1);
  }

  @Test
  void next_labelled_isOneHot() {
    SampleIterator iterator = SampleIterator.of(new Counted(3, 2, -1), 3).build();

    assertThat(iterator.next().getLabels().toFloatMatrix())
        .isDeepEqualTo(new float[][] {{1, 0}, {0, 1}, {1, 0}});
    assertThat(iterator.totalOutcomes()).isEqualTo(2);
    assertThat(iterator.getLabels()).containsExactly("0", "1");
  }

  @Property(tries = 50)
  void shuffle_anySize_permutesReproducibly(
      @ForAll @IntRange(min = 1, max = 60) int size,
      @ForAll @IntRange(min = 1, max = 70) int batchSize,
      @ForAll long seed) {
    SampleIterator one = SampleIterator.of(counted(size), batchSize).shuffle(seed).build();
    SampleIterator other = SampleIterator.of(counted(size), 7).shuffle(seed).build();
    other.next();
    for (int e = 0; e < 3; e++) {
      one.reset();
      other.reset();
      List<Integer> order = epoch(one);
      assertThat(order).containsExactlyInAnyOrderElementsOf(all(size)).isEqualTo(epoch(other));
    }
  }

  @Test
  void shuffle_epochsAndSeeds_differ() {
    SampleIterator one = SampleIterator.of(counted(50), 8).shuffle(1).build();
    SampleIterator other = SampleIterator.of(counted(50), 8).shuffle(2).build();
    List<Integer> first = epoch(one);
    one.reset();

    assertThat(first).isNotEqualTo(all(50)).isNotEqualTo(epoch(one)).isNotEqualTo(epoch(other));
  }

  @Test
  void shuffle_knownSeed_keepsItsOrder() {
    SampleIterator iterator = SampleIterator.of(counted(8), 8).shuffle(42).build();

    // Computed by an independent implementation of SplitMix64 and Fisher-Yates.
    assertThat(epoch(iterator)).containsExactly(1, 4, 5, 6, 2, 3, 0, 7);
    iterator.reset();
    assertThat(epoch(iterator)).containsExactly(6, 0, 2, 7, 3, 1, 5, 4);
  }

  @Test
  void shuffle_firstPlace_isFair() {
    int[] count = new int[4];
    for (int seed = 0; seed < 4000; seed++) {
      count[Permutation.of(4, seed, 3)[0]]++;
    }

    assertThat(IntStream.of(count).boxed()).allSatisfy(c -> assertThat(c).isBetween(850, 1150));
  }

  @Test
  void flip_dependsOnIndexNotOnOrder() {
    SampleIterator ordered = SampleIterator.of(counted(200), 50).flip(5).build();
    SampleIterator shuffled = SampleIterator.of(counted(200), 7).shuffle(1).flip(5).build();

    List<Integer> flipped = flipped(ordered);
    assertThat(flipped).hasSizeBetween(70, 130);
    assertThat(flipped(shuffled)).containsExactlyInAnyOrderElementsOf(flipped);
    ordered.reset();
    assertThat(flipped(ordered)).isNotEqualTo(flipped);
  }

  private static List<Integer> flipped(SampleIterator iterator) {
    List<Integer> flipped = new ArrayList<>();
    while (iterator.hasNext()) {
      DataSet data = iterator.next();
      for (int i = 0; i < data.getFeatures().size(0); i++) {
        float second = data.getFeatures().getFloat(i, 0, 0, 1);
        if (second > 0) {
          flipped.add(Math.round(1000 * second));
        }
      }
    }
    return flipped;
  }

  @Test
  void dropPartial_leavesOutTheRest() {
    SampleIterator iterator = SampleIterator.of(counted(5), 2).dropPartial().build();

    assertThat(epoch(iterator)).containsExactly(0, 1, 2, 3);
    assertThat(epoch(SampleIterator.of(counted(4), 2).dropPartial().build())).hasSize(4);
  }

  @Test
  void next_number_takesWhatThereIs() {
    SampleIterator iterator = SampleIterator.of(counted(5), 2).build();

    assertThat(iterator.next(4).numExamples()).isEqualTo(4);
    assertThat(iterator.next(4).numExamples()).isEqualTo(1);
    assertThatThrownBy(() -> iterator.next(4)).isInstanceOf(NoSuchElementException.class);
    assertThatThrownBy(() -> iterator.next(0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void next_sourceFails_namesBatchAndFileAndStays() {
    SampleIterator iterator = SampleIterator.of(new Counted(6, 0, 3), 2).build();
    iterator.next();

    for (int attempt = 0; attempt < 2; attempt++) {
      assertThatThrownBy(iterator::next)
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage("batch 1 of epoch 0, sample 3: picture.png: is damaged");
    }
  }

  @Property(tries = 50)
  void seek_anywhere_continuesWithTheSameBits(
      @ForAll @IntRange(min = 1, max = 40) int size,
      @ForAll @IntRange(min = 1, max = 50) int batchSize,
      @ForAll @IntRange(min = 0, max = 60) int batches,
      @ForAll long seed) {
    SampleIterator.Builder settings =
        SampleIterator.of(new Counted(size, 3, -1), batchSize).shuffle(seed).flip(seed + 1);
    SampleIterator there = settings.build();
    for (int i = 0; i < batches; i++) {
      nextOfAnyEpoch(there);
    }
    SampleIterator sought = settings.build();
    sought.reset();
    sought.seek(there.position());

    assertThat(sought.position()).isEqualTo(there.position());
    assertThat(sought.hasNext()).isEqualTo(there.hasNext());
    for (int i = 0; i < 5; i++) {
      DataSet expected = nextOfAnyEpoch(there);
      DataSet actual = nextOfAnyEpoch(sought);
      assertThat(actual.getFeatures()).isEqualTo(expected.getFeatures());
      assertThat(actual.getLabels()).isEqualTo(expected.getLabels());
      assertThat(sought.position()).isEqualTo(there.position());
    }
  }

  static DataSet nextOfAnyEpoch(SampleIterator iterator) {
    if (!iterator.hasNext()) {
      iterator.reset();
    }
    return iterator.next();
  }

  @Test
  void seek_noSuchPlace_isRefusedAndStays() {
    SampleIterator iterator = SampleIterator.of(counted(5), 2).build();
    iterator.next();

    assertThatThrownBy(() -> iterator.seek(new Position(3, 6)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sample must be in [0, 5] but was 6");
    assertThat(iterator.position()).isEqualTo(new Position(0, 2));
    assertThatThrownBy(() -> new Position(-1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("epoch and sample must be at least 0 but were -1 and 0");
    iterator.seek(new Position(3, 5));
    assertThat(iterator.hasNext()).isFalse();
    assertThat(iterator.epoch()).isEqualTo(3);
  }

  @Test
  void next_afterSeek_namesTheBatchByItsPlace() {
    SampleIterator iterator = SampleIterator.of(new Counted(9, 0, 7), 2).build();
    iterator.seek(new Position(4, 6));

    assertThatThrownBy(iterator::next)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("batch 3 of epoch 4, sample 7: picture.png: is damaged");
    assertThat(iterator.position()).isEqualTo(new Position(4, 6));
  }

  @Test
  void description_saysWhatTheBatchesDependOn() {
    SampleSource samples = SampleSource.of(Nd4j.ones(4, 1, 2, 2));

    String plain = SampleIterator.of(samples, 3).build().description();
    assertThat(plain)
        .matches("SampleIterator\\[InMemorySamples\\[4 x \\[1, 2, 2], crc32 .{8}], batchSize=3]");
    assertThat(
            List.of(
                plain,
                SampleIterator.of(samples, 2).build().description(),
                SampleIterator.of(samples, 3).shuffle(1).build().description(),
                SampleIterator.of(samples, 3).shuffle(2).build().description(),
                SampleIterator.of(samples, 3).flip(1).build().description(),
                SampleIterator.of(samples, 3).dropPartial().build().description(),
                SampleIterator.of(SampleSource.of(Nd4j.zeros(4, 1, 2, 2)), 3).build().description(),
                SampleIterator.of(counted(4), 3).build().description()))
        .doesNotHaveDuplicates();
    SampleSource same = SampleSource.of(Nd4j.ones(4, 1, 2, 2));
    assertThat(SampleIterator.of(same, 3).build().description()).isEqualTo(plain);
  }

  @Test
  void next_unlabelled_isARowOfZeros() {
    double[][] rows = {{1}, {2}, {3}};
    SampleSource samples =
        SampleSource.ofVectors(rows, Scaling.fit(rows), new int[] {1, Condition.UNLABELLED, 0}, 2);

    assertThat(SampleIterator.of(samples, 3).build().next().getLabels().toFloatMatrix())
        .isDeepEqualTo(new float[][] {{0, 1}, {0, 0}, {1, 0}});
  }

  @Test
  void next_labelOutsideTheClasses_namesTheSampleAndStays() {
    for (int wrong : new int[] {3, -2}) {
      SampleSource source =
          new SampleSource() {
            @Override
            public int size() {
              return 6;
            }

            @Override
            public long[] sampleShape() {
              return new long[] {1};
            }

            @Override
            public void read(int index, float[] into) {}

            @Override
            public int label(int index) {
              return index == 4 ? wrong : 0;
            }

            @Override
            public List<String> classNames() {
              return List.of("a", "b", "c");
            }
          };
      SampleIterator iterator = SampleIterator.of(source, 6).build();

      assertThatThrownBy(iterator::next)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("label must be in [0, 3), or UNLABELLED, but was " + wrong + " for sample 4");
      assertThat(iterator.position()).isEqualTo(new Position(0, 0));
    }
  }

  @Test
  void next_preProcessorFails_stays() {
    SampleIterator iterator = SampleIterator.of(counted(4), 2).build();
    iterator.setPreProcessor(
        data -> {
          throw new IllegalStateException("no");
        });

    assertThatThrownBy(iterator::next).hasMessage("no");
    iterator.setPreProcessor(null);
    assertThat(epoch(iterator)).isEqualTo(all(4));
  }

  @Test
  void flip_severalChannelsNotSquare_mirrorsEveryRow() {
    INDArray images = Nd4j.linspace(-1, 1, 24).reshape(1, 2, 3, 4).castTo(DataType.FLOAT);
    SampleIterator iterator = SampleIterator.of(SampleSource.of(images), 1).flip(1).build();
    INDArray expected = images.dup();
    for (int x = 0; x < 4; x++) {
      expected
          .get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.point(x))
          .assign(
              images.get(
                  NDArrayIndex.all(),
                  NDArrayIndex.all(),
                  NDArrayIndex.all(),
                  NDArrayIndex.point(3 - x)));
    }

    List<INDArray> seen = new ArrayList<>();
    for (int e = 0; e < 20; e++) {
      seen.add(nextOfAnyEpoch(iterator).getFeatures());
    }
    assertThat(seen).allMatch(sample -> sample.equals(images) || sample.equals(expected));
    assertThat(seen).contains(images, expected);
  }

  @Test
  void setPreProcessor_changesEveryBatch() {
    SampleIterator iterator = SampleIterator.of(counted(4), 2).build();
    iterator.setPreProcessor(data -> data.getFeatures().addi(7));

    assertThat(iterator.getPreProcessor()).isNotNull();
    assertThat(iterator.next().getFeatures().getFloat(0, 0, 0, 1)).isEqualTo(7);
    iterator.setPreProcessor(null);
    assertThat(iterator.next().getFeatures().getFloat(0, 0, 0, 1)).isZero();
  }

  @Test
  void describesItself() {
    SampleIterator iterator = SampleIterator.of(counted(4), 3).shuffle(1).build();

    assertThat(iterator.batch()).isEqualTo(3);
    assertThat(iterator.inputColumns()).isEqualTo(2);
    assertThat(iterator.totalOutcomes()).isZero();
    assertThat(iterator.getLabels()).isEmpty();
    assertThat(iterator.resetSupported()).isTrue();
    assertThat(iterator).asString().contains("Counted[size=4", "batchSize=3, shuffle=1");
  }

  @Test
  void build_contradictions_areRefused() {
    SampleSource vectors = SampleSource.ofVectors(new double[][] {{1, 2}});

    assertThatThrownBy(() -> SampleIterator.of(vectors, 1).flip(1).build())
        .hasMessage("samples must have shape [channels, height, width] to be flipped but have [2]");
    assertThatThrownBy(() -> SampleIterator.of(vectors, 0).build())
        .hasMessage("batch size must be at least 1 but was 0");
    assertThatThrownBy(() -> SampleIterator.of(counted(0), 1).build())
        .hasMessageStartingWith("source must have at least 1 sample");
    assertThatThrownBy(() -> SampleIterator.of(counted(3), 4).dropPartial().build())
        .hasMessageContaining("number of samples, 3,")
        .hasMessageEndingWith("was 4");
  }
}
