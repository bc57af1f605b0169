package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class InMemorySamplesTest {

  @Test
  void of_array_copiesIt() throws IOException {
    INDArray array = Nd4j.create(new float[] {-1, 0, 0.5f, 1}, new long[] {2, 1, 1, 2}, 'c');
    InMemorySamples samples = InMemorySamples.of(array);
    array.assign(0);

    assertThat(samples.size()).isEqualTo(2);
    assertThat(samples.sampleShape()).containsExactly(1, 1, 2);
    assertThat(sample(samples, 0)).containsExactly(-1, 0);
    assertThat(sample(samples, 1)).containsExactly(0.5f, 1);
    assertThat(samples).hasToString("InMemorySamples[2 x [1, 1, 2]]");
  }

  @Test
  void of_viewInFortranOrderOfDoubles_readsByIndex() throws IOException {
    INDArray view = Nd4j.create(new double[][] {{-1, -0.5, 9}, {0, 1, 9}}).dup('f');
    InMemorySamples samples =
        InMemorySamples.of(view.get(NDArrayIndex.all(), NDArrayIndex.interval(0, 2)));

    assertThat(sample(samples, 0)).containsExactly(-1, -0.5f);
    assertThat(sample(samples, 1)).containsExactly(0, 1);
  }

  @Test
  void of_badArray_isRefused() throws IOException {
    assertThatThrownBy(() -> InMemorySamples.of(Nd4j.create(new float[][] {{0}, {1.5f}})))
        .hasMessage("samples must have values in [-1, 1] but sample 1 has 1.5");
    assertThatThrownBy(() -> InMemorySamples.of(Nd4j.create(new float[][] {{Float.NaN}})))
        .hasMessage("samples must have values in [-1, 1] but sample 0 has NaN");
    assertThatThrownBy(() -> InMemorySamples.of(Nd4j.zeros(DataType.FLOAT, 3)))
        .hasMessageEndingWith("but had [3]");
  }

  @Test
  void ofVectors_fitsOrTakesTheScaling() throws IOException {
    SampleSource fitted = SampleSource.ofVectors(new double[][] {{0, 5}, {10, 5}});
    InMemorySamples given =
        InMemorySamples.ofVectors(
            new double[][] {{0}, {10}}, Scaling.of(new double[] {0}, new double[] {20}));

    assertThat(sample(fitted, 1)).containsExactly(1, 0);
    assertThat(sample(given, 1)).containsExactly(0);
    assertThatThrownBy(
            () ->
                InMemorySamples.ofVectors(
                    new double[][] {{1, 2}}, Scaling.fit(new double[][] {{1}})))
        .hasMessage("row 0 must have 1 features but has 2");
    assertThatThrownBy(
            () ->
                InMemorySamples.ofVectors(
                    new double[][] {{Double.NaN}}, Scaling.of(new double[1], new double[] {1})))
        .hasMessage("values must be finite but row 0 is [NaN]");
    assertThatThrownBy(
            () -> InMemorySamples.ofVectors(new double[0][], Scaling.fit(new double[][] {{1}})))
        .hasMessage("rows must be at least 1 but were 0");
  }

  @Test
  void withLabels_givesClasses() {
    double[][] rows = {{0}, {1}};
    InMemorySamples samples = InMemorySamples.ofVectors(rows, Scaling.fit(rows));
    InMemorySamples labelled = samples.withLabels(new int[] {2, 0}, 3);

    assertThat(labelled.classes()).isEqualTo(3);
    assertThat(labelled.label(0)).isEqualTo(2);
    assertThat(samples.classes()).isZero();
    assertThatThrownBy(() -> samples.label(0)).hasMessage("samples have no labels");
    assertThatThrownBy(() -> samples.withLabels(new int[] {0}, 3))
        .hasMessage("labels must be one per sample, 2, but were 1");
    assertThatThrownBy(() -> samples.withLabels(new int[] {0, 3}, 3))
        .hasMessage("label must be in [0, 3), or UNLABELLED, but was 3 for sample 1");
  }

  private static float[] sample(SampleSource source, int index) throws IOException {
    float[] sample = new float[Samples.length(source.sampleShape())];
    source.read(index, sample);
    return sample;
  }
}
