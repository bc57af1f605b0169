package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.pretrained.PretrainedModel;

/**
 * The model of ten classes of clothes that comes with the examples. It was trained with them on
 * Fashion-MNIST: (c) 2017 Zalando SE, MIT licence.
 */
final class Clothes {

  /** The name of the model, accepted instead of a directory. */
  static final String NAME = "fashion";

  /** The names of its classes, in their order. */
  static final List<String> CLASSES =
      List.of(
          "T-shirt",
          "Trouser",
          "Pullover",
          "Dress",
          "Coat",
          "Sandal",
          "Shirt",
          "Sneaker",
          "Bag",
          "Ankle boot");

  private static final BundledModel MODEL = BundledModel.ofUNet(NAME);

  private Clothes() {}

  /** Loads the model of a directory, or this model by its name. The caller closes it. */
  static PretrainedModel orModel(Path directory) throws IOException {
    return MODEL.orModel(directory, PretrainedModel::load);
  }
}
