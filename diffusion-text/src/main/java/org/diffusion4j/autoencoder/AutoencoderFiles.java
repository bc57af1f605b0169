package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.internal.files.WeightLayout;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads and writes the directories of autoencoders. */
final class AutoencoderFiles {

  private static final Logger LOG = LoggerFactory.getLogger(AutoencoderFiles.class);

  private AutoencoderFiles() {}

  /** Makes a configuration of settings. */
  @FunctionalInterface
  interface Reader<C> {
    C read(Map<String, @Nullable Object> json, Consumer<String> warnings);
  }

  /** Makes an autoencoder of a configuration and a directory. */
  @FunctionalInterface
  interface Loader<C, A> {
    A load(C config) throws IOException;
  }

  /**
   * @param frozen whether an autoencoder that can stays in its files
   */
  static Autoencoder load(Path directory, boolean frozen) throws IOException {
    AtomicFiles.recover(directory);
    Path file = directory.resolve(DiffusersFormat.CONFIG);
    Object name = Json.read(file).get(DiffusersFormat.CLASS_NAME);
    return switch (String.valueOf(name)) {
      case AutoencoderKL.CLASS_NAME ->
          frozen ? AutoencoderKL.loadFrozen(directory) : AutoencoderKL.load(directory);
      case VQModel.CLASS_NAME -> VQModel.load(directory);
      case AutoencoderTiny.CLASS_NAME -> AutoencoderTiny.load(directory);
      default ->
          throw new ModelFormatException(
              file,
              DiffusersFormat.CLASS_NAME
                  + " must be AutoencoderKL, VQModel or AutoencoderTiny but is "
                  + Shown.text(name));
    };
  }

  /** Reads the configuration of a class, and then its weights. */
  static <C, A> A load(Path directory, String className, Reader<C> reader, Loader<C, A> loader)
      throws IOException {
    AtomicFiles.recover(directory);
    Path file = directory.resolve(DiffusersFormat.CONFIG);
    Map<String, @Nullable Object> json = Json.read(file);
    Object found = json.get(DiffusersFormat.CLASS_NAME);
    if (found != null && !found.equals(className)) {
      throw new ModelFormatException(
          file,
          DiffusersFormat.CLASS_NAME
              + " must be "
              + className
              + " but is "
              + Shown.text(found)
              + "; Autoencoder.load reads each class");
    }
    try {
      return loader.load(reader.read(json, warning -> LOG.warn("{}: {}", file, warning)));
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
  }

  static void save(
      Path directory,
      String className,
      Map<String, @Nullable Object> settings,
      Map<String, INDArray> weights,
      DataType type)
      throws IOException {
    Map<String, @Nullable Object> json = new TreeMap<>(settings);
    json.put(DiffusersFormat.CLASS_NAME, className);
    json.put(DiffusersFormat.VERSION_NAME, DiffusersFormat.VERSION);
    ModelIndex.writeDirectory(
        directory,
        DiffusersFormat.CONFIG,
        folder -> {
          Json.write(folder.resolve(DiffusersFormat.CONFIG), json);
          ModelWeights.save(
              weights, WeightLayout.TORCH, folder.resolve(DiffusersFormat.WEIGHTS), type);
        });
  }
}
