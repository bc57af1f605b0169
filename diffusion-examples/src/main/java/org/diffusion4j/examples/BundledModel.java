package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A model directory among the resources of the examples.
 *
 * @param name the name of the directory, accepted instead of a path
 * @param files paths in the directory
 */
record BundledModel(String name, List<String> files) {

  /** A model that is a U-Net and its scheduler. */
  static BundledModel ofUNet(String name) {
    return new BundledModel(
        name,
        List.of(
            "model_index.json",
            "provenance.json",
            "scheduler/scheduler_config.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors"));
  }

  /** Reads a model directory. */
  @FunctionalInterface
  interface Reader<M> {
    M read(Path directory) throws IOException;
  }

  /**
   * Reads the model of a directory, or this model by its name, also beside a directory of that
   * name: {@code ./name} is the directory.
   */
  <M> M orModel(Path directory, Reader<M> reader) throws IOException {
    return directory.equals(Path.of(name)) ? copy(reader) : reader.read(directory);
  }

  private <M> M copy(Reader<M> reader) throws IOException {
    Path directory = Files.createTempDirectory(name);
    try {
      for (String file : files) {
        Path copy = directory.resolve(file);
        MoreFiles.createParentDirectories(copy);
        String resource = name + "/" + file;
        try (InputStream in = BundledModel.class.getResourceAsStream(resource)) {
          if (in == null) {
            throw new FileNotFoundException(resource + ": is not on the class path");
          }
          Files.copy(in, copy);
        }
      }
      return reader.read(directory);
    } finally {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }
}
