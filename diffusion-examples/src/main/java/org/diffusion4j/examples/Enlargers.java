package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.pretrained.PretrainedModel;

/**
 * The models that come with the examples and enlarge pictures: of clothes from 14x14 to 28x28
 * pixels, trained on Fashion-MNIST, (c) 2017 Zalando SE, MIT licence; and of emoji from 32x32 to
 * 64x64, trained on Noto Emoji, Copyright Google Inc., Apache License 2.0.
 */
final class Enlargers {

  /** The name of the one for clothes, accepted instead of a directory. */
  static final String FASHION = "fashion-enlarge";

  /** The name of the one for emoji. */
  static final String EMOJI = "emoji-enlarge";

  private Enlargers() {}

  /** Loads the model of a directory, or one of these by its name. The caller closes it. */
  static PretrainedModel orModel(Path directory) throws IOException {
    return BundledModel.ofUNet(FASHION)
        .orModel(
            directory, other -> BundledModel.ofUNet(EMOJI).orModel(other, PretrainedModel::load));
  }

  /** The first test image of each class of clothes, 28x28 pixels. */
  static IdxImages clothes() throws IOException {
    return BundledImages.read(FASHION + "/t10k-first-of-class-idx3-ubyte.gz");
  }
}
