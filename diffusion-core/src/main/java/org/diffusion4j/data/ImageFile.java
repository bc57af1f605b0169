package org.diffusion4j.data;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An image in a folder.
 *
 * @param name its path in the folder, with slashes on every platform
 * @param bytes its size
 */
record ImageFile(String name, long bytes) {

  /** What a decoder writes for what it cannot decode. */
  private static final char REPLACEMENT = '\uFFFD';

  /** The images of a folder and the folders in it, by their names in order. */
  static List<ImageFile> list(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          folder + (Files.exists(folder) ? ": is no folder" : ": does not exist"));
    }
    // The walk would not follow a link, and here the folder itself may be one.
    Path root = folder.toRealPath();
    List<ImageFile> files = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (isImage(file) && !(attributes.isSymbolicLink() && Files.isDirectory(file))) {
              files.add(new ImageFile(name(root, file), size(file, attributes)));
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            throw new IOException(folder + ": cannot be listed: " + e, e);
          }
        });
    files.sort(Comparator.comparing(ImageFile::name));
    return files;
  }

  private static boolean isImage(Path file) {
    String name = Objects.toString(file.getFileName(), "").toLowerCase(Locale.ROOT);
    return !name.startsWith(".")
        && (name.endsWith(".png") || name.endsWith(".jpg") || name.endsWith(".jpeg"));
  }

  private static String name(Path root, Path file) throws IOException {
    String name =
        root.relativize(file).toString().replace(root.getFileSystem().getSeparator(), "/");
    if (name.indexOf(REPLACEMENT) >= 0) {
      throw new IOException(
          file + ": name must be written in the character set of the platform (sun.jnu.encoding)");
    }
    return name;
  }

  private static long size(Path file, BasicFileAttributes attributes) throws IOException {
    if (attributes.isSymbolicLink()) {
      return Files.exists(file) ? Files.size(file) : 0;
    }
    return attributes.size();
  }

  /** The folder directly in the folder that it lies in; null if in none. */
  @Nullable String topFolder() {
    int slash = name.indexOf('/');
    return slash < 0 ? null : name.substring(0, slash);
  }
}
