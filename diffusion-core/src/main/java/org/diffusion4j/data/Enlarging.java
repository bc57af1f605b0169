package org.diffusion4j.data;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Images with themselves at a lower resolution, enlarged again: {@link SampleSource#enlarging}. */
record Enlarging(SampleSource images, int factor) implements SampleSource {

  static Enlarging of(SampleSource images, int factor) {
    long[] shape = images.sampleShape();
    if (shape.length != 3) {
      throw new IllegalArgumentException(
          "samples must have shape [channels, height, width] to be enlarged but have "
              + Arrays.toString(shape));
    }
    requireFactor(factor, shape[1], shape[2]);
    Samples.length(doubled(shape));
    return new Enlarging(images, factor);
  }

  private static void requireFactor(int factor, long height, long width) {
    if (factor < 2) {
      throw new IllegalArgumentException("factor must be at least 2 but was " + factor);
    }
    if (height % factor != 0 || width % factor != 0) {
      throw new IllegalArgumentException(
          "height and width must be multiples of the factor, "
              + factor
              + ", but were "
              + height
              + " x "
              + width);
    }
  }

  private static long[] doubled(long... shape) {
    return new long[] {2 * shape[0], shape[1], shape[2]};
  }

  /** The means of squares of pixels. */
  static INDArray reduced(INDArray pictures, int factor) {
    long[] shape = requirePictures(pictures);
    requireFactor(factor, shape[2], shape[3]);
    shape[2] /= factor;
    shape[3] /= factor;
    return Nd4j.create(reduced(floats(pictures), (int) pictures.size(3), factor), shape, 'c');
  }

  static INDArray enlarged(INDArray pictures, int factor) {
    long[] shape = requirePictures(pictures);
    if (factor < 2) {
      throw new IllegalArgumentException("factor must be at least 2 but was " + factor);
    }
    float[] into = new float[Samples.length(new long[] {pictures.length(), factor, factor})];
    new Bicubic(factor).enlarge(floats(pictures), (int) shape[2], (int) shape[3], into, 0);
    shape[2] *= factor;
    shape[3] *= factor;
    return Nd4j.create(into, shape, 'c');
  }

  private static long[] requirePictures(INDArray pictures) {
    if (pictures.rank() != 4 || pictures.isEmpty()) {
      throw new IllegalArgumentException(
          "pictures must have shape [n, channels, height, width] but had "
              + Arrays.toString(pictures.shape()));
    }
    return pictures.shape().clone();
  }

  private static float[] floats(INDArray pictures) {
    try (INDArray copy = pictures.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** The means of squares of pixels of images whose heights are multiples of the factor. */
  private static float[] reduced(float[] images, int width, int factor) {
    int narrow = width / factor;
    float[] means = new float[images.length / (factor * factor)];
    for (int i = 0; i < images.length; i++) {
      int row = i / width / factor;
      means[row * narrow + i % width / factor] += images[i] / (factor * factor);
    }
    return means;
  }

  @Override
  public int size() {
    return images.size();
  }

  @Override
  public long[] sampleShape() {
    return doubled(images.sampleShape());
  }

  @Override
  public void read(int index, float[] into) throws IOException {
    float[] image = image(index, into);
    images.read(index, image);
    both(image, into);
  }

  @Override
  public void read(int index, int epoch, float[] into) throws IOException {
    float[] image = image(index, into);
    images.read(index, epoch, image);
    both(image, into);
  }

  private float[] image(int index, float[] into) {
    int length = Samples.length(images.sampleShape());
    Samples.requireRead(index, size(), into, 2 * length);
    return new float[length];
  }

  private void both(float[] image, float[] into) {
    long[] shape = images.sampleShape();
    int height = (int) shape[1] / factor;
    int width = (int) shape[2] / factor;
    System.arraycopy(image, 0, into, 0, image.length);
    new Bicubic(factor)
        .enlarge(reduced(image, (int) shape[2], factor), height, width, into, image.length);
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

  @Override
  public String description() {
    return "Enlarging[" + factor + ", " + images.description() + "]";
  }

  @Override
  public String toString() {
    return "Enlarging[" + factor + ", " + images + "]";
  }
}
