package org.diffusion4j.examples;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.diffusion4j.data.IdxImages;

/** Images among the resources of the examples. */
final class BundledImages {

  /** Reads files. */
  @FunctionalInterface
  private interface Reader {
    IdxImages read(Path first) throws IOException;
  }

  private BundledImages() {}

  /** Reads an IDX file of images. */
  static IdxImages read(String images) throws IOException {
    return copied(images, IdxImages::read);
  }

  /** Reads IDX files of images and labels. */
  static IdxImages read(String images, String labels) throws IOException {
    return copied(images, first -> copied(labels, second -> IdxImages.read(first, second)));
  }

  private static IdxImages copied(String resource, Reader reader) throws IOException {
    Path directory = Files.createTempDirectory("images");
    Path copy = directory.resolve(resource.substring(resource.lastIndexOf('/') + 1));
    try (InputStream in = BundledImages.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException(resource + ": is not on the class path");
      }
      Files.copy(in, copy);
      return reader.read(copy);
    } finally {
      Files.deleteIfExists(copy);
      Files.delete(directory);
    }
  }
}
