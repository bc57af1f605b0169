package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.diffusion4j.autoencoder.AutoencoderKL.Moments;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.internal.common.L64X128MixRandom;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The scaled latents of the images of another source, computed once and kept in memory: the samples
 * that a latent diffusion model is trained on (Rombach et al. 2022, section 3.3). They have the
 * labels or embeddings of the images, and values of about unit variance, not in [-1, 1]. Immutable.
 *
 * <p>{@code autoencoder.decode(autoencoder.scaling().unscaled(samples))} are the images of samples.
 * Mirrored latents are not those of mirrored images.
 */
public final class LatentSource implements SampleSource {

  private static final long EPOCHS = 0x9E3779B97F4A7C15L;

  private final SampleSource images;
  private final long[] shape;
  private final float[][] means;
  private final float @Nullable [][] deviations;
  private final long seed;

  private LatentSource(
      SampleSource images,
      long[] shape,
      float[][] means,
      float @Nullable [][] deviations,
      long seed) {
    this.images = images;
    this.shape = shape;
    this.means = means;
    this.deviations = deviations;
    this.seed = seed;
  }

  /** Encodes a batch of images, from an index on. */
  private interface Encoder {
    void encode(INDArray batch, int first);
  }

  /**
   * The latents that the encoder gives, or their mode, the same in every epoch.
   *
   * @param images {@code {channels, height, width}}, values in [-1, 1]
   * @param autoencoder used by this method only
   * @param batchSize number of images to encode at once, at least 1
   * @throws IllegalArgumentException if the images do not fit the autoencoder
   * @throws IOException if an image cannot be read
   */
  public static LatentSource of(SampleSource images, Autoencoder autoencoder, int batchSize)
      throws IOException {
    long[] shape = shape(images, autoencoder, batchSize);
    float[][] means = new float[images.size()][];
    encode(
        images,
        batchSize,
        (batch, first) -> {
          try (INDArray latents = autoencoder.encode(batch);
              INDArray scaled = autoencoder.scaling().scaled(latents)) {
            put(scaled, means, first);
          }
        });
    return new LatentSource(images, shape, means, null, 0);
  }

  /**
   * Latents that are drawn from their distribution, anew in each epoch.
   *
   * @param images {@code {channels, height, width}}, values in [-1, 1]
   * @param autoencoder used by this method only
   * @param batchSize number of images to encode at once, at least 1
   * @param seed seed of the draws
   * @throws IllegalArgumentException if the images do not fit the autoencoder
   * @throws IOException if an image cannot be read
   */
  public static LatentSource drawn(
      SampleSource images, AutoencoderKL autoencoder, int batchSize, long seed) throws IOException {
    long[] shape = shape(images, autoencoder, batchSize);
    float[][] means = new float[images.size()][];
    float[][] deviations = new float[images.size()][];
    LatentScaling scaling = autoencoder.scaling();
    encode(
        images,
        batchSize,
        (batch, first) -> {
          try (Moments moments = autoencoder.moments(batch);
              INDArray deviation = moments.deviation();
              INDArray mean = scaling.scaled(moments.mean());
              INDArray scaled = scaling.scaledDeviation(deviation)) {
            put(mean, means, first);
            put(scaled, deviations, first);
          }
        });
    return new LatentSource(images, shape, means, deviations, seed);
  }

  private static long[] shape(SampleSource images, Autoencoder autoencoder, int batchSize) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch size must be at least 1 but was " + batchSize);
    }
    long[] image = images.sampleShape();
    if (image.length != 3 || image[0] != autoencoder.imageChannels()) {
      throw new IllegalArgumentException(
          "images must be ["
              + autoencoder.imageChannels()
              + ", height, width] but were "
              + Arrays.toString(image));
    }
    return autoencoder.latentShape((int) image[1], (int) image[2]);
  }

  private static void encode(SampleSource images, int batchSize, Encoder encoder)
      throws IOException {
    long[] image = images.sampleShape();
    float[] one = new float[Math.toIntExact(image[0] * image[1] * image[2])];
    for (int first = 0; first < images.size(); first += batchSize) {
      int n = Math.min(batchSize, images.size() - first);
      float[] values = new float[Math.multiplyExact(n, one.length)];
      for (int i = 0; i < n; i++) {
        images.read(first + i, one);
        System.arraycopy(one, 0, values, i * one.length, one.length);
      }
      try (INDArray batch = FloatArrays.array(values, n, image[0], image[1], image[2])) {
        encoder.encode(batch, first);
      }
    }
  }

  private static void put(INDArray samples, float[][] to, int first) {
    float[] values = FloatArrays.of(samples);
    int n = (int) samples.size(0);
    int length = values.length / n;
    for (int i = 0; i < n; i++) {
      to[first + i] = Arrays.copyOfRange(values, i * length, (i + 1) * length);
    }
  }

  @Override
  public int size() {
    return means.length;
  }

  @Override
  public long[] sampleShape() {
    return shape.clone();
  }

  /** {@inheritDoc} That of epoch 0. */
  @Override
  public void read(int index, float[] into) {
    read(index, 0, into);
  }

  @Override
  public void read(int index, int epoch, float[] into) {
    Objects.checkIndex(index, means.length);
    float[] mean = means[index];
    if (into.length != mean.length) {
      throw new IllegalArgumentException(
          "array must have the " + mean.length + " values of a sample but has " + into.length);
    }
    System.arraycopy(mean, 0, into, 0, mean.length);
    if (deviations != null) {
      RandomGenerator draws =
          new L64X128MixRandom(seed + EPOCHS * ((long) epoch * means.length + index + 1));
      for (int i = 0; i < mean.length; i++) {
        into[i] += deviations[index][i] * (float) draws.nextGaussian();
      }
    }
  }

  @Override
  public int label(int index) {
    return images.label(index);
  }

  @Override
  public List<String> classNames() {
    return images.classNames();
  }

  @Override
  public long[] embeddingShape() {
    return images.embeddingShape();
  }

  @Override
  public void readEmbeddings(int index, float[] into) throws IOException {
    images.readEmbeddings(index, into);
  }

  /**
   * The standard deviation of all values. The reciprocal of it is the scaling factor for an
   * autoencoder that has none yet (Rombach et al. 2022, appendix G).
   */
  public double standardDeviation() {
    double sum = 0;
    double squares = 0;
    long count = 0;
    float[] values = new float[means[0].length];
    for (int i = 0; i < means.length; i++) {
      read(i, values);
      for (float value : values) {
        sum += value;
        squares += (double) value * value;
      }
      count += values.length;
    }
    return Math.sqrt(Math.max(0, squares / count - sum / count * sum / count));
  }

  /** {@inheritDoc} The checksum covers the latents. */
  @Override
  public String description() {
    CRC32C sum = new CRC32C();
    for (float[] mean : means) {
      ByteBuffer bytes = ByteBuffer.allocate(mean.length * Float.BYTES);
      bytes.asFloatBuffer().put(mean);
      sum.update(bytes);
    }
    String draws = deviations == null ? "" : ", drawn with seed " + seed;
    return "Latents["
        + Arrays.toString(shape)
        + draws
        + ", "
        + String.format("%08x", sum.getValue())
        + ", "
        + images.description()
        + "]";
  }

  @Override
  public String toString() {
    return "Latents[" + Arrays.toString(shape) + " of " + images + "]";
  }
}
