package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.internal.common.Shown;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images that an {@link ImageFolder} reads.
 *
 * @param files at least one
 * @param classNames empty if folders are no classes
 */
record ImageListing(Path folder, List<ImageFile> files, List<String> classNames) {

  private static final Logger log = LoggerFactory.getLogger(ImageFolder.class);
  private static final int MOST_LOGGED = 10;

  /** The images with these names. */
  static ImageListing of(Path folder, List<String> names) throws IOException {
    List<ImageFile> files = new ArrayList<>();
    for (String name : names) {
      files.add(new ImageFile(name, DataFiles.requireFile(DataFiles.within(folder, name))));
    }
    return new ImageListing(folder, files, List.of());
  }

  /** All images of a folder and its subfolders; what was skipped is logged. */
  static ImageListing of(Path folder, boolean classFolders) throws IOException {
    ImageFormats formats = ImageFormats.readable();
    ImageFile.Listing listing = ImageFile.list(folder, formats);
    String shown = DataFiles.show(folder);
    int passedOver = listing.passedOver().values().stream().mapToInt(Integer::intValue).sum();
    if (listing.files().isEmpty()) {
      throw new IOException(
          shown
              + ": has no image of a supported format"
              + (passedOver == 0 ? "" : " but " + formats.describe(listing.passedOver())));
    }
    if (passedOver > 0) {
      log.warn(
          "{}: {} {} skipped: {}",
          shown,
          passedOver,
          passedOver == 1 ? "file was" : "files were",
          formats.describe(listing.passedOver()));
    }
    return new ImageListing(
        folder, listing.files(), classFolders ? classes(folder, listing) : List.of());
  }

  private static List<String> classes(Path folder, ImageFile.Listing listing) throws IOException {
    Set<String> empty = new LinkedHashSet<>(listing.folders());
    for (ImageFile file : listing.files()) {
      String top = file.topFolder();
      if (top == null) {
        throw new IOException(
            DataFiles.show(folder.resolve(file.name())) + ": is not in a class folder");
      }
      empty.remove(top);
    }
    List<String> names = ClassNames.sorted(listing.folders());
    log.info("{}: classes {}", DataFiles.show(folder), ClassNames.show(names));
    if (!empty.isEmpty()) {
      log.warn(
          "{}: classes without an image: {}",
          DataFiles.show(folder),
          Shown.list(ClassNames.sorted(empty)));
    }
    return names;
  }

  /**
   * Those images that can be decoded; the others are logged.
   *
   * @throws IOException if there are none
   */
  ImageListing readable(ImageDecoder decoder) throws IOException {
    float[] sample = new float[decoder.channels() * decoder.height() * decoder.width()];
    int broken = 0;
    List<ImageFile> readable = new ArrayList<>();
    for (ImageFile file : files) {
      try {
        decoder.decode(folder.resolve(file.name()), sample);
        readable.add(file);
      } catch (IOException e) {
        broken++;
        if (broken <= MOST_LOGGED) {
          log.warn("skipped {}", e.getMessage());
        }
      }
    }
    if (broken > MOST_LOGGED) {
      log.warn("{}: {} broken images were skipped", DataFiles.show(folder), broken);
    }
    if (readable.isEmpty()) {
      throw new IOException(DataFiles.show(folder) + ": has no readable image");
    }
    return new ImageListing(folder, readable, classNames);
  }

  /** The class of each image. */
  int[] labels() {
    Map<String, Integer> indices = ClassNames.indices(classNames);
    return files.stream().mapToInt(file -> indices.get(file.topFolder())).toArray();
  }

  /** A checksum of the names and sizes. */
  String checksum() {
    Checksum checksum = new Checksum();
    files.forEach(file -> checksum.add(file.name(), file.bytes()));
    return checksum.toString();
  }
}
