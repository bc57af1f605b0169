package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.pretrained.PretrainedModel;
import picocli.CommandLine.Option;

/** The option of the examples that show what a trained model can do. */
final class ModelOption {

  @Option(
      names = "--model",
      description =
          "Model directory, or fashion for the one that comes with the examples"
              + " (${DEFAULT-VALUE}).")
  private Path directory = Path.of(Clothes.NAME);

  /** Loads the model. The caller closes it. */
  PretrainedModel load() throws IOException {
    return Clothes.orModel(directory);
  }

  /** What the user wrote. */
  @Override
  public String toString() {
    return directory.toString();
  }
}
