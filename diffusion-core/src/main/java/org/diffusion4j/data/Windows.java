package org.diffusion4j.data;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** Windows of time series: {@link SampleSource#windows}. */
final class Windows implements SampleSource {

  private final SampleSource source;
  private final int channels;
  private final int length;
  private final int stride;
  private final int[] starts;

  private Windows(SampleSource source, int channels, int length, int stride) {
    this.source = source;
    this.channels = channels;
    this.length = length;
    this.stride = stride;
    this.starts =
        IntStream.iterate(0, start -> start <= source.size() - length, start -> start + stride)
            .filter(this::hasOneLabel)
            .toArray();
    if (starts.length == 0) {
      throw new IllegalArgumentException(
          "windows of length " + length + " must be of one class each but none is");
    }
  }

  static Windows of(SampleSource source, int length, int stride) {
    long[] shape = source.sampleShape();
    if (shape.length != 1) {
      throw new IllegalArgumentException(
          "samples of a time series must be vectors but had shape " + Arrays.toString(shape));
    }
    if (length < 1 || length > source.size()) {
      throw new IllegalArgumentException(
          "window length must be in [1, " + source.size() + "] but was " + length);
    }
    if (stride < 1) {
      throw new IllegalArgumentException("stride must be at least 1 but was " + stride);
    }
    int channels = Math.toIntExact(shape[0]);
    Samples.length(new long[] {channels, length});
    return new Windows(source, channels, length, stride);
  }

  private boolean hasOneLabel(int start) {
    return source.classes() == 0
        || IntStream.range(start, start + length).map(source::label).distinct().count() == 1;
  }

  @Override
  public int size() {
    return starts.length;
  }

  @Override
  public long[] sampleShape() {
    return new long[] {channels, length};
  }

  @Override
  public void read(int index, float[] into) throws IOException {
    Samples.requireRead(index, size(), into, channels * length);
    float[] values = new float[channels];
    for (int i = 0; i < length; i++) {
      source.read(starts[index] + i, values);
      for (int c = 0; c < channels; c++) {
        into[c * length + i] = values[c];
      }
    }
  }

  @Override
  public int label(int index) {
    Objects.checkIndex(index, size());
    return source.label(starts[index]);
  }

  @Override
  public List<String> classNames() {
    return source.classNames();
  }

  @Override
  public String description() {
    return "Windows[" + length + ", stride " + stride + ", " + source.description() + "]";
  }

  @Override
  public String toString() {
    return "Windows[" + Samples.describe(this) + ", of " + source + "]";
  }
}
