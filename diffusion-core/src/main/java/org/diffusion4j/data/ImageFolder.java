package org.diffusion4j.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The PNG and JPEG images of a folder and the folders in it, by their paths in order. Files are
 * listed once and decoded whenever they are read; none is held in memory.
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
  private final List<Path> files;
  private final ImageDecoder decoder;
  private final int @Nullable [] labels;
  private final List<String> classNames;

  private ImageFolder(
      Path folder,
      List<Path> files,
      ImageDecoder decoder,
      int @Nullable [] labels,
      List<String> classNames) {
    this.folder = folder;
    this.files = files;
    this.decoder = decoder;
    this.labels = labels;
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
    List<Path> files = list(folder);
    if (files.isEmpty()) {
      throw new IOException(folder + ": has no PNG or JPEG image");
    }
    List<String> names = chosen.contains(Option.CLASS_FOLDERS) ? classes(folder, files) : List.of();
    if (chosen.contains(Option.SKIP_BROKEN)) {
      files = readable(files, decoder);
      if (files.isEmpty()) {
        throw new IOException(folder + ": has no image that can be read");
      }
    }
    int[] labels = names.isEmpty() ? null : labels(folder, files, names);
    return new ImageFolder(folder, List.copyOf(files), decoder, labels, names);
  }

  private static List<Path> list(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          folder + (Files.exists(folder) ? ": is no folder" : ": does not exist"));
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(ImageFolder::isImage)
          .sorted(Comparator.comparing(file -> relative(folder, file)))
          .toList();
    } catch (UncheckedIOException e) {
      throw new IOException(folder + ": cannot be listed: " + e.getCause(), e);
    }
  }

  private static boolean isImage(Path file) {
    String name = Objects.toString(file.getFileName(), "").toLowerCase(Locale.ROOT);
    return !name.startsWith(".")
        && (name.endsWith(".png") || name.endsWith(".jpg") || name.endsWith(".jpeg"))
        && !Files.isDirectory(file);
  }

  /** The path in the folder, with slashes on every platform. */
  private static String relative(Path folder, Path file) {
    return folder.relativize(file).toString().replace('\\', '/');
  }

  private static List<String> classes(Path folder, List<Path> files) throws IOException {
    for (Path file : files) {
      if (folder.relativize(file).getNameCount() < 2) {
        throw new IOException(file + ": lies in no class folder");
      }
    }
    return files.stream().map(file -> className(folder, file)).distinct().sorted().toList();
  }

  private static String className(Path folder, Path file) {
    return folder.relativize(file).getName(0).toString();
  }

  private static int[] labels(Path folder, List<Path> files, List<String> names) {
    Map<String, Integer> indices = new HashMap<>();
    names.forEach(name -> indices.put(name, indices.size()));
    return files.stream().mapToInt(file -> indices.get(className(folder, file))).toArray();
  }

  private static List<Path> readable(List<Path> files, ImageDecoder decoder) {
    float[] sample = new float[decoder.channels() * decoder.height() * decoder.width()];
    List<Path> readable = new ArrayList<>();
    for (Path file : files) {
      try {
        decoder.decode(file, sample);
        readable.add(file);
      } catch (IOException e) {
        log.warn("left out {}", e.getMessage());
      }
    }
    return readable;
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
    decoder.decode(files.get(index), into);
  }

  /** Where an image lies. */
  public Path file(int index) {
    return files.get(index);
  }

  @Override
  public int label(int index) {
    return Samples.label(labels, index, files.size());
  }

  @Override
  public List<String> classNames() {
    return classNames;
  }

  @Override
  public String toString() {
    return "ImageFolder[" + folder + ", " + Samples.describe(this) + "]";
  }
}
