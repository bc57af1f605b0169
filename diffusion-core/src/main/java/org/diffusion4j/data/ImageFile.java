package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * An image in a folder.
 *
 * @param name its path in the folder, with slashes on every platform
 * @param bytes its size
 */
record ImageFile(String name, long bytes) {

  /** The replacement for characters that cannot be decoded. */
  private static final char REPLACEMENT = '\uFFFD';

  /**
   * The contents of a folder.
   *
   * @param files its images and those of its subfolders, sorted by name
   * @param folders its direct subfolders, except those of systems and tools
   * @param passedOver the number of other files by extension
   */
  record Listing(List<ImageFile> files, List<String> folders, Map<String, Integer> passedOver) {}

  /** Lists a folder. */
  static Listing list(Path folder, ImageFormats formats) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          DataFiles.show(folder)
              + (Files.exists(folder) ? ": is not a folder" : ": does not exist"));
    }
    // The walk does not follow links, but the folder itself may be one.
    Path root = folder.toRealPath();
    Listing listing = new Listing(new ArrayList<>(), new ArrayList<>(), new HashMap<>());
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
              throws IOException {
            if (directory.equals(root)) {
              return FileVisitResult.CONTINUE;
            }
            String name = name(root, directory).replaceFirst("/$", "");
            if (ImageFormats.isLeftover(name.substring(name.lastIndexOf('/') + 1))) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            if (name.indexOf('/') < 0) {
              listing.folders.add(name);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            String name = Objects.toString(file.getFileName(), "");
            if (ImageFormats.isLeftover(name)) {
              return FileVisitResult.CONTINUE;
            }
            boolean link = attributes.isSymbolicLink();
            if (attributes.isOther()) {
              listing.passedOver.merge("special", 1, Integer::sum);
            } else if (link && Files.isDirectory(file)) {
              listing.passedOver.merge("link to folder", 1, Integer::sum);
            } else if (formats.isImage(name)) {
              listing.files.add(new ImageFile(name(root, file), size(file, attributes)));
            } else {
              listing.passedOver.merge(ImageFormats.extension(name), 1, Integer::sum);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            throw new IOException(
                DataFiles.show(folder) + ": cannot be listed: " + Shown.text(e, 200), e);
          }
        });
    listing.files.sort(Comparator.comparing(ImageFile::name));
    return listing;
  }

  private static String name(Path root, Path file) throws IOException {
    String name =
        root.relativize(file).toString().replace(root.getFileSystem().getSeparator(), "/");
    if (name.indexOf(REPLACEMENT) >= 0) {
      throw new IOException(
          DataFiles.show(file)
              + ": name must be written in the character set of the platform (sun.jnu.encoding)");
    }
    return name;
  }

  private static long size(Path file, BasicFileAttributes attributes) throws IOException {
    if (attributes.isSymbolicLink()) {
      return Files.exists(file) ? Files.size(file) : 0;
    }
    return attributes.size();
  }

  /** The direct subfolder that contains it; null if there is none. */
  @Nullable String topFolder() {
    int slash = name.indexOf('/');
    return slash < 0 ? null : name.substring(0, slash);
  }
}
