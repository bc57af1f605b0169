package org.diffusion4j.data;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Samples with another shape: {@link SampleSource#reshaped}. */
record ReshapedSamples(SampleSource source, List<Long> shape) implements SampleSource {

  static ReshapedSamples of(SampleSource source, long... shape) {
    int length = Samples.length(source.sampleShape());
    if (shape.length == 0 || Samples.length(shape) != length) {
      throw new IllegalArgumentException(
          "sample shape must have the "
              + length
              + " values of "
              + Arrays.toString(source.sampleShape())
              + " but was "
              + Arrays.toString(shape));
    }
    return new ReshapedSamples(source, Arrays.stream(shape).boxed().toList());
  }

  @Override
  public int size() {
    return source.size();
  }

  @Override
  public long[] sampleShape() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public void read(int index, float[] into) throws IOException {
    source.read(index, into);
  }

  @Override
  public void read(int index, int epoch, float[] into) throws IOException {
    source.read(index, epoch, into);
  }

  @Override
  public int label(int index) {
    return source.label(index);
  }

  @Override
  public List<String> classNames() {
    return source.classNames();
  }

  @Override
  public long[] embeddingShape() {
    return source.embeddingShape();
  }

  @Override
  public void readEmbeddings(int index, float[] into) throws IOException {
    source.readEmbeddings(index, into);
  }

  @Override
  public String description() {
    return "Reshaped[" + shape + ", " + source.description() + "]";
  }

  @Override
  public String toString() {
    return "Reshaped[" + shape + ", " + source + "]";
  }
}
