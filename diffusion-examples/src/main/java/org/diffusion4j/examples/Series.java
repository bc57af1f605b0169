package org.diffusion4j.examples;

import java.io.IOException;
import java.util.random.RandomGenerator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.internal.common.L64X128MixRandom;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Time series {@code [1, length]}. */
final class Series {

  private static final int COUNT = 4096;
  private static final int LOWEST = 2;
  private static final int HIGHEST = 6;
  private static final double AMPLITUDE = 0.7;
  private static final double NOISE = 0.0615;

  private Series() {}

  /**
   * Sines of amplitude 0.7 with noise, of which the sine has 0.985 of the power. Phase and
   * frequency are random; a series has 2 to 6 whole periods.
   */
  static SampleSource sines(int length, long seed) {
    RandomGenerator random = new L64X128MixRandom(seed);
    float[] values = new float[COUNT * length];
    for (int i = 0; i < COUNT; i++) {
      int periods = random.nextInt(LOWEST, HIGHEST + 1);
      double phase = 2 * Math.PI * random.nextDouble();
      for (int t = 0; t < length; t++) {
        double sine = AMPLITUDE * Math.sin(2 * Math.PI * periods * t / length + phase);
        double value = sine + NOISE * random.nextGaussian();
        values[i * length + t] = (float) Math.max(-1, Math.min(1, value));
      }
    }
    try (INDArray array = Nd4j.create(values, new long[] {COUNT, 1, length}, 'c')) {
      return SampleSource.of(array);
    }
  }

  /** Up to {@code count} samples, evenly spaced. */
  static INDArray some(SampleSource source, int count) throws IOException {
    int n = Math.min(count, source.size());
    long[] shape = source.sampleShape();
    INDArray all = Nd4j.createUninitialized(new long[] {n, shape[0], shape[1]});
    float[] values = new float[(int) (shape[0] * shape[1])];
    for (int i = 0; i < n; i++) {
      source.read((int) ((long) i * source.size() / n), values);
      try (INDArray one = Nd4j.create(values, shape, 'c')) {
        all.putSlice(i, one);
      }
    }
    return all;
  }
}
