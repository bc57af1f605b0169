package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.data.IdxImages;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of the examples that need images of the kind that a model was trained on. */
final class IdxOptions {

  @SuppressWarnings("NullAway.Init")
  @Option(
      names = "--data",
      required = true,
      description = "IDX file of images like those that the model was trained on, plain or .gz.")
  private Path data;

  @Option(
      names = "--labels",
      description = "IDX file of their labels, for a class-conditional model.")
  private @Nullable Path labels;

  /** Reads the files. */
  IdxImages read() throws IOException {
    return labels == null ? IdxImages.read(data) : IdxImages.read(data, labels);
  }
}
