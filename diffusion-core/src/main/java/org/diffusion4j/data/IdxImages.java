package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Images of an IDX file, the format of MNIST: unsigned bytes, {@code [n, height, width]} (one
 * channel) or {@code [n, channels, height, width]}, big-endian header. The file may be compressed
 * with gzip; its name has no effect. The data are held in memory as bytes.
 */
public final class IdxImages implements SampleSource {

  private final Path file;
  private final byte[] pixels;
  private final long[] shape;
  private final int length;
  private final int size;
  private final int @Nullable [] labels;
  private final List<String> classNames;

  private IdxImages(
      Path file, byte[] pixels, long[] shape, int @Nullable [] labels, List<String> classNames) {
    this.file = file;
    this.pixels = pixels;
    this.shape = shape;
    this.length = Samples.length(shape);
    this.size = pixels.length / length;
    this.labels = labels;
    this.classNames = classNames;
  }

  /**
   * Reads images without labels.
   *
   * @param images an IDX file of 3 or 4 dimensions
   * @throws IOException naming the file, if it is missing, empty, truncated, longer than its header
   *     says, or not an IDX file of images
   */
  public static IdxImages read(Path images) throws IOException {
    IdxFile idx = IdxFile.readImages(images);
    int[] dimensions = idx.dimensions;
    long[] shape =
        dimensions.length == 3
            ? new long[] {1, dimensions[1], dimensions[2]}
            : new long[] {dimensions[1], dimensions[2], dimensions[3]};
    return new IdxImages(images, idx.bytes, shape, null, List.of());
  }

  /**
   * Reads images with labels. The classes are 0 to the greatest label, and their names are these
   * numbers. If the last classes are missing in the file, {@link #withClassNames} sets their
   * number.
   *
   * @param images an IDX file of 3 or 4 dimensions
   * @param labels an IDX file of 1 dimension, with one label per image
   * @throws IOException naming the file, if one is missing, empty, truncated, longer than its
   *     header says or of another kind, or if the numbers of labels and images differ
   */
  public static IdxImages read(Path images, Path labels) throws IOException {
    byte[] ofImages = IdxFile.readLabels(labels).bytes;
    IdxImages read = read(images);
    if (ofImages.length != read.size) {
      throw new IOException(
          DataFiles.show(labels)
              + ": labels must be one per image, "
              + read.size
              + " of "
              + DataFiles.show(images)
              + ", but are "
              + ofImages.length);
    }
    int[] classes = new int[ofImages.length];
    for (int i = 0; i < classes.length; i++) {
      classes[i] = Byte.toUnsignedInt(ofImages[i]);
    }
    int greatest = Arrays.stream(classes).max().orElseThrow();
    return new IdxImages(
        images, read.pixels, read.shape, classes, Samples.numberedClasses(greatest + 1));
  }

  /**
   * A copy with class names, also for classes without an image in this file.
   *
   * @param names one for each label from 0; more than there are labels in the file are allowed
   * @throws IllegalStateException if the images have no labels
   * @see #withClassNames(List)
   */
  public IdxImages withClassNames(String... names) {
    return withClassNames(List.of(names));
  }

  /**
   * A copy with class names, for example those of another file.
   *
   * @param names one for each label from 0; more than there are labels in the file are allowed
   * @throws IllegalStateException if the images have no labels
   */
  public IdxImages withClassNames(List<String> names) {
    if (labels == null) {
      throw new IllegalStateException("images of " + DataFiles.show(file) + " have no labels");
    }
    if (names.size() < classNames.size()) {
      throw new IllegalArgumentException(
          "class names must be at least "
              + classNames.size()
              + " because there is a label "
              + (classNames.size() - 1)
              + ", but were "
              + names.size());
    }
    return new IdxImages(file, pixels, shape, labels, List.copyOf(names));
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public long[] sampleShape() {
    return shape.clone();
  }

  @Override
  public void read(int index, float[] into) {
    Samples.requireRead(index, size, into, length);
    int from = index * length;
    for (int i = 0; i < length; i++) {
      into[i] = Byte.toUnsignedInt(pixels[from + i]) / 127.5f - 1;
    }
  }

  @Override
  public int label(int index) {
    return Samples.label(labels, index, size);
  }

  @Override
  public List<String> classNames() {
    return classNames;
  }

  /** {@inheritDoc} The checksum covers all pixels and labels. */
  @Override
  public String description() {
    Checksum checksum = new Checksum().add(pixels).add(labels == null ? new int[0] : labels);
    return "IdxImages[" + Samples.describe(this) + ", " + checksum + "]";
  }

  @Override
  public String toString() {
    return "IdxImages[" + file.getFileName() + ", " + Samples.describe(this) + "]";
  }
}
