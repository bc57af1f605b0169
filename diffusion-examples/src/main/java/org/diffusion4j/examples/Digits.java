package org.diffusion4j.examples;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.diffusion4j.data.IdxImages;

/**
 * The 8x8 images of digits that come with the examples: "Optical Recognition of Handwritten
 * Digits", UCI Machine Learning Repository, E. Alpaydin and C. Kaynak, 1998, CC BY 4.0.
 */
final class Digits {

  private Digits() {}

  /** 3823 labelled images of 30 writers. */
  static IdxImages train() throws IOException {
    return read("train");
  }

  /** 1797 labelled images of 13 other writers. */
  static IdxImages test() throws IOException {
    return read("test");
  }

  private static IdxImages read(String part) throws IOException {
    Path directory = Files.createTempDirectory("digits8x8");
    Path images = directory.resolve(part + "-images-idx3-ubyte.gz");
    Path labels = directory.resolve(part + "-labels-idx1-ubyte.gz");
    try {
      copyResource(images);
      copyResource(labels);
      return IdxImages.read(images, labels);
    } finally {
      Files.deleteIfExists(images);
      Files.deleteIfExists(labels);
      Files.delete(directory);
    }
  }

  private static void copyResource(Path file) throws IOException {
    String resource = "digits8x8/" + file.getFileName();
    try (InputStream in = Digits.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException(resource + ": is not on the class path");
      }
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
