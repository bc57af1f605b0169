package org.diffusion4j.pretrained;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A component of a model directory: an entry of {@code model_index.json} and the folder with its
 * name.
 */
sealed interface Component {

  /** The name of the entry and the folder. */
  String name();

  /** The library of the class. */
  String library();

  String className();

  /**
   * Writes the component to an empty folder.
   *
   * @param folder the component's folder
   * @param weights the type of weights in their file, FLOAT or FLOAT16
   */
  void write(Path folder, DataType weights) throws IOException;

  /** The value of the entry. */
  default List<String> entry() {
    return List.of(library(), className());
  }

  /**
   * A network.
   *
   * @param value the denoiser
   * @param config its architecture
   * @param weights supplies the weights to write, by the names of the network's own
   */
  record Network(
      SameDiffDenoiser value, NetworkConfig config, Supplier<Map<String, INDArray>> weights)
      implements Component {

    NetworkKind kind() {
      return NetworkKind.of(config);
    }

    /** What tells its architecture from others. */
    Map<String, @Nullable Object> comparable() {
      return kind().comparable(config);
    }

    @Override
    public String name() {
      return kind().folder();
    }

    @Override
    public String library() {
      return kind().library();
    }

    @Override
    public String className() {
      return kind().className();
    }

    @Override
    public void write(Path folder, DataType type) throws IOException {
      Json.write(folder.resolve(DiffusersFormat.CONFIG), kind().write(config));
      Map<String, INDArray> all = new TreeMap<>(weights.get());
      all.keySet().retainAll(config.weightShapes().keySet());
      ModelWeights.save(all, kind().layout(), folder.resolve(DiffusersFormat.WEIGHTS), type);
    }
  }

  /**
   * The settings of a scheduler.
   *
   * @param value the settings, with diffusers' names
   */
  record Scheduler(SchedulerConfig value) implements Component {

    @Override
    public String name() {
      return DiffusersFormat.SCHEDULER;
    }

    @Override
    public String library() {
      return DiffusersFormat.LIBRARY;
    }

    @Override
    public String className() {
      return value.className();
    }

    @Override
    public void write(Path folder, DataType weights) throws IOException {
      ModelIndex.writeScheduler(folder, value);
    }
  }
}
