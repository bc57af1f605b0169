package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The images of a folder and its subfolders, sorted by path: PNG, JPEG, GIF (the first image), BMP,
 * TIFF, and the formats of other ImageIO readers on the class path, such as WebP with {@code
 * com.twelvemonkeys.imageio:imageio-webp}. Files are listed once, by extension, and decoded each
 * time they are read, by content. Only their paths are held in memory.
 *
 * <p>Each image is rotated according to its EXIF orientation, scaled so that it just covers the
 * given size, and cropped at the centre. Downscaling averages areas, upscaling interpolates
 * linearly. Transparent parts are white ({@link #withGround}). Files with other extensions and
 * links to folders are skipped and counted in the log. Hidden files and folders, and those of
 * systems and tools ({@code Thumbs.db}, {@code __MACOSX}), are skipped silently.
 *
 * <pre>{@code
 * ImageFolder.open(Path.of("tiles"), 32, 32, Option.CLASS_FOLDERS, Option.SKIP_BROKEN);
 * }</pre>
 */
public final class ImageFolder implements SampleSource {

  /** Options. The defaults are three channels, no labels, and an error for broken images. */
  public enum Option {
    /** One channel, the luma of ITU-R BT.601, instead of three. */
    GRAYSCALE,
    /**
     * The direct subfolders are the classes, including empty ones; every image must be in one of
     * them. They are in numeric order if all names are whole numbers, otherwise in text order.
     */
    CLASS_FOLDERS,
    /**
     * Decodes every image once when the folder is opened; logs and skips those that fail. Without
     * this option {@link ImageFolder#read} fails for a broken image.
     */
    SKIP_BROKEN
  }

  private final Path folder;
  private final FileNames files;
  private final String checksum;
  private final ImageDecoder decoder;
  private final int @Nullable [] labels;
  private final List<String> classNames;

  private ImageFolder(Path folder, ImageListing listing, ImageDecoder decoder) {
    this(
        folder,
        new FileNames(listing.files().stream().map(ImageFile::name).toList()),
        listing.checksum(),
        decoder,
        listing.classNames().isEmpty() ? null : listing.labels(),
        listing.classNames());
  }

  private ImageFolder(
      Path folder,
      FileNames files,
      String checksum,
      ImageDecoder decoder,
      int @Nullable [] labels,
      List<String> classNames) {
    this.folder = folder;
    this.files = files;
    this.checksum = checksum;
    this.decoder = decoder;
    this.labels = labels;
    this.classNames = classNames;
  }

  /**
   * Lists the images of a folder.
   *
   * @param folder a folder with at least one image in it or its subfolders
   * @param height of the samples, at least 1 pixel
   * @param width of the samples, at least 1 pixel
   * @param options differences from the defaults
   * @throws IOException naming the folder, if it is missing, cannot be read or has no (readable)
   *     image; or naming an image without a class
   */
  public static ImageFolder open(Path folder, int height, int width, Option... options)
      throws IOException {
    Set<Option> chosen = EnumSet.noneOf(Option.class);
    chosen.addAll(Arrays.asList(options));
    int channels = chosen.contains(Option.GRAYSCALE) ? 1 : 3;
    int unused = Samples.length(new long[] {channels, height, width});
    ImageDecoder decoder = new ImageDecoder(channels, height, width, ImageDecoder.WHITE);
    ImageListing listing = ImageListing.of(folder, chosen.contains(Option.CLASS_FOLDERS));
    return new ImageFolder(
        folder, chosen.contains(Option.SKIP_BROKEN) ? listing.readable(decoder) : listing, decoder);
  }

  /**
   * The given images of a folder, in the given order.
   *
   * @param folder the folder
   * @param files paths within the folder, with slashes; at least one; one may occur several times
   * @param height of the samples, at least 1 pixel
   * @param width of the samples, at least 1 pixel
   * @param options {@link Option#GRAYSCALE} only, because a list of files has no classes and no
   *     file of it is skipped
   * @throws IOException naming the file, if it does not exist or is not a regular file
   * @throws IllegalArgumentException naming the path, if it leads out of the folder, or for another
   *     option
   */
  public static ImageFolder of(
      Path folder, List<String> files, int height, int width, Option... options)
      throws IOException {
    if (files.isEmpty()) {
      throw new IllegalArgumentException("files must be at least 1 but were 0");
    }
    for (Option option : options) {
      if (option != Option.GRAYSCALE) {
        throw new IllegalArgumentException(
            "option of listed files must be GRAYSCALE but was " + option);
      }
    }
    int channels = options.length == 0 ? 3 : 1;
    int unused = Samples.length(new long[] {channels, height, width});
    ImageDecoder decoder = new ImageDecoder(channels, height, width, ImageDecoder.WHITE);
    return new ImageFolder(folder, ImageListing.of(folder, files), decoder);
  }

  /**
   * A copy with another background colour than white for transparent parts.
   *
   * @param red in [0, 255], like the others
   */
  public ImageFolder withGround(int red, int green, int blue) {
    List<Integer> ground = List.of(red, green, blue);
    for (int part : ground) {
      if (part < 0 || part > 255) {
        throw new IllegalArgumentException("background must be in [0, 255] but was " + part);
      }
    }
    ImageDecoder other =
        new ImageDecoder(decoder.channels(), decoder.height(), decoder.width(), ground);
    return new ImageFolder(folder, files, checksum, other, labels, classNames);
  }

  /**
   * A copy with these classes in this order, for example those of another folder, or more than this
   * one has.
   *
   * @throws IllegalArgumentException if a class with images is not among them; the message names
   *     its folder
   * @throws IllegalStateException if the images have no labels
   */
  public ImageFolder withClassNames(List<String> names) {
    if (labels == null) {
      throw new IllegalStateException(
          "images of "
              + DataFiles.show(folder)
              + " have no labels; Option.CLASS_FOLDERS uses folders as classes");
    }
    int[] relabelled =
        ClassNames.relabel(labels, classNames, names, name -> DataFiles.show(folder.resolve(name)));
    return new ImageFolder(folder, files, checksum, decoder, relabelled, List.copyOf(names));
  }

  @Override
  public int size() {
    return files.size();
  }

  @Override
  public long[] sampleShape() {
    return new long[] {decoder.channels(), decoder.height(), decoder.width()};
  }

  /**
   * Decodes an image.
   *
   * @throws IOException naming the file, if it is not a regular file, not an image, damaged or too
   *     large: more than 64 million pixels, more than 4 million and 10,000 per byte, 1 GiB, or the
   *     heap
   */
  @Override
  public void read(int index, float[] into) throws IOException {
    Samples.requireRead(
        index, files.size(), into, decoder.channels() * decoder.height() * decoder.width());
    decoder.decode(file(index), into);
  }

  /**
   * The file of an image.
   *
   * @throws IndexOutOfBoundsException if there is no such image
   */
  public Path file(int index) {
    return folder.resolve(files.name(index));
  }

  @Override
  public int label(int index) {
    return Samples.label(labels, index, files.size());
  }

  @Override
  public List<String> classNames() {
    return classNames;
  }

  /**
   * {@inheritDoc} The checksum covers the paths within the folder and the sizes of the files in
   * bytes at the time when the folder was opened.
   */
  @Override
  public String description() {
    return "ImageFolder["
        + Samples.describe(this)
        + ", "
        + checksum
        + (decoder.ground().equals(ImageDecoder.WHITE) ? "" : ", ground " + decoder.ground())
        + "]";
  }

  @Override
  public String toString() {
    return "ImageFolder[" + folder + ", " + Samples.describe(this) + "]";
  }
}
