package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
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

  private static final List<String> FILES =
      List.of(
          "model_index.json",
          "provenance.json",
          "scheduler/scheduler_config.json",
          "unet/config.json",
          "unet/diffusion_pytorch_model.safetensors");

  private Clothes() {}

  /** Loads the model of a directory, or this model by its name. The caller closes it. */
  static PretrainedModel orModel(Path directory) throws IOException {
    return directory.equals(Path.of(NAME)) && !Files.exists(directory)
        ? model()
        : PretrainedModel.load(directory);
  }

  private static PretrainedModel model() throws IOException {
    Path directory = Files.createTempDirectory(NAME);
    try {
      for (String file : FILES) {
        Path copy = directory.resolve(file);
        MoreFiles.createParentDirectories(copy);
        String resource = NAME + "/" + file;
        try (InputStream in = Clothes.class.getResourceAsStream(resource)) {
          if (in == null) {
            throw new FileNotFoundException(resource + ": is not on the class path");
          }
          Files.copy(in, copy);
        }
      }
      return PretrainedModel.load(directory);
    } finally {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }
}
