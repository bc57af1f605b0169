package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The PNG and JPEG images of a folder and the folders in it, by their paths in order. Files are
 * listed once and decoded whenever they are read; none is held in memory, only its path within the
 * folder.
 *
 * <p>Each image is scaled until it just covers the wanted size, by averaging areas where it shrinks
 * and by linear interpolation where it grows, and cropped in the middle. Transparent parts are
 * black. Files of other extensions and hidden files (those that begin with a dot) are passed over;
 * links to folders are not followed; the orientation that a camera may note is not applied.
 *
 * <pre>{@code
 * ImageFolder.open(Path.of("tiles"), 32, 32, Option.CLASS_FOLDERS, Option.SKIP_BROKEN);
 * }</pre>
 */
public final class ImageFolder implements SampleSource {

  /** Departures from the defaults: three channels, no labels, broken images refused. */
  public enum Option {
    /** One channel, the luma of ITU-R BT.601, instead of red, green and blue. */
    GRAYSCALE,
    /** The folders directly in the folder are the classes; no image may lie outside of them. */
    CLASS_FOLDERS,
    /**
     * Decodes every image once when the folder is opened, and logs and leaves out those that fail.
     * Without it a broken image makes {@link ImageFolder#read} fail.
     */
    SKIP_BROKEN
  }

  private static final Logger log = LoggerFactory.getLogger(ImageFolder.class);

  private final Path folder;
  private final FileNames files;
  private final String checksum;
  private final ImageDecoder decoder;
  private final int @Nullable [] labels;
  private final List<String> classNames;

  private ImageFolder(
      Path folder, List<ImageFile> files, ImageDecoder decoder, List<String> classNames) {
    this.folder = folder;
    this.files = new FileNames(files.stream().map(ImageFile::name).toList());
    this.checksum = checksum(files);
    this.decoder = decoder;
    this.labels = classNames.isEmpty() ? null : labels(files, classNames);
    this.classNames = classNames;
  }

  /**
   * Lists the images of a folder.
   *
   * @param folder with at least one image in it or in the folders in it
   * @param height of the samples, at least 1 pixel
   * @param width of the samples, at least 1 pixel
   * @param options departures from the defaults
   * @throws IOException naming the folder, if it is missing, cannot be read or has no (readable)
   *     image, or naming an image that has no class
   */
  public static ImageFolder open(Path folder, int height, int width, Option... options)
      throws IOException {
    Set<Option> chosen = EnumSet.noneOf(Option.class);
    chosen.addAll(Arrays.asList(options));
    int channels = chosen.contains(Option.GRAYSCALE) ? 1 : 3;
    int unused = Samples.length(new long[] {channels, height, width});
    ImageDecoder decoder = new ImageDecoder(channels, height, width);
    List<ImageFile> files = ImageFile.list(folder);
    if (files.isEmpty()) {
      throw new IOException(folder + ": has no PNG or JPEG image");
    }
    List<String> names = chosen.contains(Option.CLASS_FOLDERS) ? classes(folder, files) : List.of();
    if (chosen.contains(Option.SKIP_BROKEN)) {
      files = readable(folder, files, decoder);
      if (files.isEmpty()) {
        throw new IOException(folder + ": has no image that can be read");
      }
    }
    return new ImageFolder(folder, files, decoder, names);
  }

  private static List<String> classes(Path folder, List<ImageFile> files) throws IOException {
    for (ImageFile file : files) {
      if (file.topFolder() == null) {
        throw new IOException(folder.resolve(file.name()) + ": lies in no class folder");
      }
    }
    return files.stream().map(ImageFile::topFolder).distinct().sorted().toList();
  }

  private static int[] labels(List<ImageFile> files, List<String> names) {
    Map<String, Integer> indices = new HashMap<>();
    names.forEach(name -> indices.put(name, indices.size()));
    return files.stream().mapToInt(file -> indices.get(file.topFolder())).toArray();
  }

  private static List<ImageFile> readable(
      Path folder, List<ImageFile> files, ImageDecoder decoder) {
    float[] sample = new float[decoder.channels() * decoder.height() * decoder.width()];
    List<ImageFile> readable = new ArrayList<>();
    for (ImageFile file : files) {
      try {
        decoder.decode(folder.resolve(file.name()), sample);
        readable.add(file);
      } catch (IOException e) {
        log.warn("left out {}", e.getMessage());
      }
    }
    return readable;
  }

  private static String checksum(List<ImageFile> files) {
    Checksum checksum = new Checksum();
    files.forEach(file -> checksum.add(file.name(), file.bytes()));
    return checksum.toString();
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
   * @throws IOException naming the file, if it is no PNG or JPEG image, is damaged, or has more
   *     than 64 million pixels
   */
  @Override
  public void read(int index, float[] into) throws IOException {
    Samples.requireRead(
        index, files.size(), into, decoder.channels() * decoder.height() * decoder.width());
    decoder.decode(file(index), into);
  }

  /**
   * Where an image lies.
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
   * {@inheritDoc} The checksum is of the paths in the folder and the sizes of the files in bytes,
   * as they were when the folder was opened.
   */
  @Override
  public String description() {
    return "ImageFolder[" + Samples.describe(this) + ", " + checksum + "]";
  }

  @Override
  public String toString() {
    return "ImageFolder[" + folder + ", " + Samples.describe(this) + "]";
  }
}
