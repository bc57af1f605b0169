package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.pretrained.PretrainedModel;

/**
 * The model that comes with the examples and enlarges pictures of clothes from 14x14 to 28x28
 * pixels, and pictures that it was not trained on. Both are of Fashion-MNIST: (c) 2017 Zalando SE,
 * MIT licence.
 */
final class SmallClothes {

  /** The name of the model, accepted instead of a directory. */
  static final String NAME = "fashion-enlarge";

  private static final BundledModel MODEL = BundledModel.ofUNet(NAME);

  private SmallClothes() {}

  /** Loads the model of a directory, or this model by its name. The caller closes it. */
  static PretrainedModel orModel(Path directory) throws IOException {
    return MODEL.orModel(directory, PretrainedModel::load);
  }

  /** The first test image of each class, 28x28 pixels. */
  static IdxImages pictures() throws IOException {
    return BundledImages.read(NAME + "/t10k-first-of-class-idx3-ubyte.gz");
  }
}
