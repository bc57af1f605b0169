package org.diffusion4j.examples;

import java.io.IOException;
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
    String files = "digits8x8/" + part;
    return BundledImages.read(files + "-images-idx3-ubyte.gz", files + "-labels-idx1-ubyte.gz");
  }
}
