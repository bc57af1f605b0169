package org.diffusion4j.internal.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.files.ModelWeights.Found;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Weights that stay in their files. The files are kept open, so that a directory can be replaced
 * meanwhile.
 */
final class StoredWeights implements WeightSource {

  private final Map<String, long[]> shapes;
  private final Map<String, Found> found;
  private final WeightLayout layout;
  private final Map<Path, Open> files = new LinkedHashMap<>();
  private boolean closed;

  /**
   * Opens the files.
   *
   * @param shapes as the network has them
   */
  StoredWeights(Map<String, long[]> shapes, Map<String, Found> found, WeightLayout layout)
      throws IOException {
    this.shapes = shapes;
    this.found = found;
    this.layout = layout;
    boolean done = false;
    try {
      for (Found tensor : found.values()) {
        if (!files.containsKey(tensor.file())) {
          files.put(tensor.file(), Open.of(tensor.file()));
        }
      }
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /** An open file, and what tells it from another one in its place. */
  private record Open(Safetensors tensors, Identity identity) {

    static Open of(Path file) throws IOException {
      Safetensors tensors = Safetensors.open(file);
      boolean done = false;
      try {
        var open = new Open(tensors, Identity.of(file));
        done = true;
        return open;
      } finally {
        if (!done) {
          tensors.close();
        }
      }
    }
  }

  private record Identity(@Nullable Object key, FileTime modified, long bytes) {

    static Identity of(Path file) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return new Identity(attributes.fileKey(), attributes.lastModifiedTime(), attributes.size());
    }
  }

  @Override
  public Map<String, long[]> shapes() {
    return shapes;
  }

  @Override
  public DataType type(String name) {
    return TensorType.named(found(name).dtype()).orElseThrow().dataType;
  }

  private Found found(String name) {
    return Objects.requireNonNull(found.get(name), name);
  }

  @Override
  public void read(String name, Consumer<INDArray> use) {
    try (INDArray tensor = read(found(name))) {
      use.accept(layout.fromFile(name, tensor));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads a tensor. An interrupt closes a file for all threads; it is then opened again. */
  private INDArray read(Found tensor) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        Safetensors tensors = open(tensor.file());
        try {
          return tensor.read(tensors);
        } catch (IOException e) {
          interrupted |= Thread.interrupted();
          if (tensors.isOpen()) {
            throw e;
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private synchronized Safetensors open(Path file) throws IOException {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    Open known = Objects.requireNonNull(files.get(file));
    if (known.tensors.isOpen()) {
      return known.tensors;
    }
    Open again = Open.of(file);
    if (!again.identity.equals(known.identity)) {
      again.tensors.close();
      throw new ModelFormatException(file, "was replaced while its weights were read");
    }
    files.put(file, again);
    return again.tensors;
  }

  @Override
  public synchronized void close() {
    closed = true;
    for (Open file : files.values()) {
      try {
        file.tensors.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    files.clear();
  }
}
