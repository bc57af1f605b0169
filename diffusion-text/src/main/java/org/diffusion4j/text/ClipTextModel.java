package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelIndex;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.internal.nn.Frozen;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.diffusion4j.internal.text.ClipTextGraph;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The text transformer of CLIP (Radford et al. 2021, arXiv:2103.00020), whose hidden states
 * condition Stable Diffusion: {@code CLIPTextModel} and {@code CLIPTextModelWithProjection} of the
 * library transformers.
 *
 * <p>Several threads may call {@link #outputs} at the same time, but not while weights change.
 */
public final class ClipTextModel implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ClipTextModel.class);

  private static final String WEIGHTS = DiffusersFormat.TEXT_WEIGHTS_NAME + ".safetensors";

  private final Config config;
  private final ClipTextRunner runner;
  private final Map<String, INDArray> weights;

  private ClipTextModel(Config config, Layers layers) {
    this.config = config;
    runner = new ClipTextRunner(config, layers);
    Map<String, INDArray> all = new LinkedHashMap<>();
    if (runner.runner().frozen() == null) {
      layers.shapes().keySet().forEach(name -> all.put(name, layers.sd.getVariable(name).getArr()));
    }
    weights = Collections.unmodifiableMap(all);
  }

  /**
   * A model with random weights.
   *
   * @param config the architecture
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  public static ClipTextModel create(Config config, long seed) {
    WeightShapes.requireMemory(config.weightShapes());
    return Detached.get(() -> new ClipTextModel(config, new Layers(seed)));
  }

  /**
   * Reads a model: {@code config.json} and {@code model.safetensors}, whose place an index with its
   * files, or a variant such as {@code model.fp16.safetensors}, may take.
   *
   * @param directory usually the folder {@code text_encoder} of a model directory
   * @throws ModelFormatException if a file is missing, damaged or not supported, or if the weights
   *     do not fit the configuration or the memory; the message names it
   * @throws IOException if a file cannot be read
   */
  public static ClipTextModel load(Path directory) throws IOException {
    return load(directory, false);
  }

  /**
   * Reads a model that only runs: its weights are held once, in the layout of the kernels, and
   * cannot be read, changed or saved. Its files stay open until it is closed.
   *
   * @param directory as for {@link #load}
   * @throws ModelFormatException as {@link #load}
   * @throws IOException if a file cannot be read
   */
  public static ClipTextModel loadFrozen(Path directory) throws IOException {
    return load(directory, true);
  }

  private static ClipTextModel load(Path directory, boolean frozen) throws IOException {
    AtomicFiles.recover(directory);
    Path file = directory.resolve(DiffusersFormat.CONFIG);
    Map<String, @Nullable Object> json = Json.read(file);
    try {
      Config config = Config.fromJson(json, warning -> LOG.warn("{}: {}", file, warning));
      return load(config, directory, frozen);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
  }

  private static ClipTextModel load(Config config, Path directory, boolean frozen)
      throws IOException {
    Map<String, long[]> shapes = config.weightShapes();
    ModelWeights stored =
        ModelWeights.find(shapes, WeightLayout.TORCH, directory, DiffusersFormat.TEXT_WEIGHTS_NAME);
    if (frozen && Frozen.isPossible()) {
      WeightSource source = stored.source();
      return Detached.get(
          () -> Frozen.build(source, () -> new ClipTextModel(config, new Layers(0))));
    }
    Map<String, INDArray> weights = WeightShapes.allocate(shapes);
    boolean done = false;
    try {
      stored.load(weights);
      ClipTextModel model = Detached.get(() -> new ClipTextModel(config, Layers.sharing(weights)));
      done = true;
      return model;
    } finally {
      if (!done) {
        weights.values().forEach(INDArray::close);
      }
    }
  }

  /**
   * Writes a model as {@link #load} reads it. Equal models give equal bytes.
   *
   * @param directory an existing one is replaced when the new one is complete, if it is empty or
   *     contains a {@code config.json}
   * @throws IOException if it cannot be written, or if a weight is not finite
   */
  public void save(Path directory) throws IOException {
    save(directory, DataType.FLOAT);
  }

  /**
   * Writes a model as {@link #save(Path)}, with weights of a type.
   *
   * @param directory as for {@link #save(Path)}
   * @param weights the type of weights in their file, FLOAT or FLOAT16
   * @throws IllegalArgumentException for another type
   * @throws IOException as {@link #save(Path)}, or if a weight is too large for 16 bits
   */
  public void save(Path directory, DataType weights) throws IOException {
    ModelIndex.writeDirectory(
        directory, DiffusersFormat.CONFIG, folder -> writeTo(folder, weights));
  }

  /** Writes the files to an empty folder. */
  void writeTo(Path folder, DataType type) throws IOException {
    Json.write(folder.resolve(DiffusersFormat.CONFIG), config.toJson());
    ModelWeights.save(weights(), WeightLayout.TORCH, folder.resolve(WEIGHTS), type);
  }

  /** The architecture. */
  public Config config() {
    return config;
  }

  /**
   * The weights by name. These are the graph's own arrays; matrices are {@code [in, out]}, the
   * transposes of PyTorch's. They may be changed until the next call of another method; after later
   * changes call {@link #weightsChanged}.
   *
   * @throws IllegalStateException if this model is closed, or was read by {@link #loadFrozen}
   */
  public Map<String, INDArray> weights() {
    weightsChanged();
    runner.runner().requireArrays("weights");
    return weights;
  }

  /**
   * Must be called after a later change of the arrays of {@link #weights}.
   *
   * @throws IllegalStateException if this model is closed
   */
  public void weightsChanged() {
    runner.runner().requireOpen();
    runner.runner().weightsChanged();
  }

  /**
   * What the model makes of texts: as {@code tokens} a hidden state of each id, {@code [n, ids,
   * width]}, and as {@code pooled} the last hidden state of each text's end, {@code [n, width]}, or
   * its projection.
   *
   * @param ids of each text, at least 1 text, all of one length in [1, {@link Config#positions}]
   * @param mask 1 for ids that are read and 0 for padding; null if all are read. Only a {@linkplain
   *     Config#masked masked} model takes one
   * @param skip how many blocks to leave out at the end, in [0, {@link Config#layers}]: 0 gives the
   *     last hidden state, 1 the penultimate one, all of them the embeddings
   * @param normed whether the final layer norm follows
   * @return to be closed by the caller
   * @throws IllegalArgumentException if ids, mask or {@code skip} are out of range
   * @throws IllegalStateException if this model is closed
   */
  public Condition.Embeddings outputs(
      int[][] ids, int @Nullable [][] mask, int skip, boolean normed) {
    return runner.run(ids, mask, skip, normed, true);
  }

  /** The same without pooled embeddings, which then do not cost the skipped blocks. */
  Condition.Embeddings hidden(int[][] ids, int @Nullable [][] mask, int skip, boolean normed) {
    return runner.run(ids, mask, skip, normed, false);
  }

  /** Whether all calls so far ran as plans. */
  boolean isPlanned() {
    return runner.runner().isPlanned();
  }

  /** Frees the weights. Later calls throw {@link IllegalStateException}. */
  @Override
  public void close() {
    runner.close();
  }

  /** The activation of the feed-forward layers. */
  public enum Activation {
    /** {@code x sigmoid(1.702 x)}. */
    QUICK_GELU,
    /** {@code x Phi(x)} with the exact normal distribution. */
    GELU
  }

  /**
   * The architecture of a {@link ClipTextModel}. Immutable; each {@code with...} copies.
   *
   * @param vocabulary number of ids, at least 1
   * @param positions most ids of a text, in [1, 4096]
   * @param width of an embedding, a multiple of {@code heads}
   * @param inner width within a feed-forward layer, at least 1
   * @param layers number of blocks, in [1, 1000]
   * @param heads of the attention, at least 1
   * @param activation of the feed-forward layers
   * @param normEps the number that layer norms add to the variance, positive
   * @param projection width of the projected pooled embedding, or 0 for a model without projection
   * @param endId the id that ends a text. 2, which configurations of old releases have, stands for
   *     the largest id of each text
   * @param masked whether {@link #outputs} takes a mask
   */
  public record Config(
      int vocabulary,
      int positions,
      int width,
      int inner,
      int layers,
      int heads,
      Activation activation,
      double normEps,
      int projection,
      int endId,
      boolean masked) {

    /**
     * @throws IllegalArgumentException if a value is out of range
     */
    public Config {
      Objects.requireNonNull(activation, "activation");
      ClipTextRules.check(vocabulary, positions, width, inner, layers, heads, normEps, projection);
    }

    /**
     * An architecture without projection and mask, with a quick GELU and feed-forward layers of
     * four times the width. The last id of the vocabulary ends texts, as in CLIP's.
     *
     * @param vocabulary number of ids, at least 1
     * @param positions most ids of a text, in [1, 4096]
     * @param width of an embedding, a multiple of {@code heads}
     * @param layers number of blocks, in [1, 1000]
     * @param heads of the attention, at least 1
     * @throws IllegalArgumentException if a value is out of range
     */
    public static Config of(int vocabulary, int positions, int width, int layers, int heads) {
      return new Config(
          vocabulary,
          positions,
          width,
          (int) Math.min(4L * width, Integer.MAX_VALUE),
          layers,
          heads,
          Activation.QUICK_GELU,
          1e-5,
          0,
          vocabulary - 1,
          false);
    }

    /** A copy whose pooled embeddings are projected to a width. */
    public Config withProjection(int to) {
      return new Config(
          vocabulary,
          positions,
          width,
          inner,
          layers,
          heads,
          activation,
          normEps,
          to,
          endId,
          masked);
    }

    /** A copy with another activation. */
    public Config withActivation(Activation other) {
      return new Config(
          vocabulary,
          positions,
          width,
          inner,
          layers,
          heads,
          other,
          normEps,
          projection,
          endId,
          masked);
    }

    /** A copy that takes masks. */
    public Config withMask() {
      return new Config(
          vocabulary,
          positions,
          width,
          inner,
          layers,
          heads,
          activation,
          normEps,
          projection,
          endId,
          true);
    }

    /** The width of a pooled embedding. */
    public int pooledWidth() {
      return projection > 0 ? projection : width;
    }

    /**
     * Reads the result of {@link #toJson} or of the library transformers. Missing settings have
     * that library's defaults.
     *
     * @param json settings by name
     * @param warnings receives a message about unknown settings, which are ignored
     * @throws IllegalArgumentException if a setting is not supported or out of range
     */
    public static Config fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      return ClipTextJson.read(json, warnings);
    }

    /** The settings by the names of the library transformers. */
    public Map<String, @Nullable Object> toJson() {
      return ClipTextJson.write(this);
    }

    /** The shapes of the weights by name. */
    public Map<String, long[]> weightShapes() {
      return graph().shapes();
    }

    ClipTextGraph graph() {
      return new ClipTextGraph(
          vocabulary,
          positions,
          width,
          inner,
          layers,
          heads,
          normEps,
          activation == Activation.QUICK_GELU,
          projection);
    }
  }
}
