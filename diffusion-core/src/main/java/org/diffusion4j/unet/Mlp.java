package org.diffusion4j.unet;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A denoiser for vectors: residual dense layers; each gets the embedded timestep, to which those of
 * a class and of text or other {@linkplain Config#withEmbeddings embeddings} can be added.
 */
public final class Mlp extends SameDiffDenoiser {

  private final Config config;

  private Mlp(Config config, NoiseSchedule schedule, Prediction prediction, long seed) {
    super(
        graph(config, new Layers(seed)),
        new long[] {config.features()},
        schedule,
        prediction,
        GraphTraits.of(Set.of(), config.nullClass(), 0));
    this.config = config;
  }

  /**
   * An MLP with random weights that predicts the noise.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param seed seed of the weights
   */
  public static Mlp create(Config config, NoiseSchedule schedule, long seed) {
    return create(config, schedule, Prediction.EPSILON, seed);
  }

  /**
   * An MLP with random weights.
   *
   * @param config the architecture
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @param seed seed of the weights
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  public static Mlp create(
      Config config, NoiseSchedule schedule, Prediction prediction, long seed) {
    WeightShapes.requireMemory(config.weightShapes());
    return new Mlp(config, schedule, prediction, seed);
  }

  static SameDiff graph(Config config, Layers layers) {
    int width = config.width();
    SDVariable x = layers.input(Graphs.SAMPLE, -1, config.features());
    SDVariable t = layers.input(Graphs.TIMESTEP, -1, 1);
    SDVariable embedded = layers.sinusoidal(t, width, true, 0);
    SDVariable time = layers.timeMlp("time_embedding", embedded, width, width);
    if (config.classes() > 0) {
      SDVariable oneHot = layers.input(Graphs.CLASS, -1, config.classRows());
      time =
          time.add(oneHot.mmul(layers.table("class_embedding.weight", config.classRows(), width)));
    }
    if (config.embeddingWidth() > 0) {
      int embedding = config.embeddingWidth();
      SDVariable mean = layers.input(Graphs.EMBEDDINGS, -1, 1, embedding);
      SDVariable rows = layers.sd.reshape(mean, -1, embedding);
      time = time.add(layers.dense("embedding_proj", rows, embedding, width));
    }
    time = layers.silu(time);
    SDVariable h = layers.dense("linear_in", x, config.features(), width);
    for (int i = 0; i < config.layers(); i++) {
      String name = "layers." + i;
      SDVariable y = layers.dense(name + ".linear_1", layers.silu(h), width, width);
      y = y.add(layers.dense(name + ".time_emb_proj", time, width, width));
      h = h.add(layers.dense(name + ".linear_2", layers.silu(y), width, width));
    }
    layers.output(layers.dense("linear_out", layers.silu(h), width, config.features()));
    return layers.sd;
  }

  @Override
  public Config config() {
    return config;
  }

  /** {@inheritDoc} Tokens are averaged. */
  @Override
  Condition adapted(Condition condition, List<INDArray> made) {
    return Condition.several(
        condition.parts().stream()
            .map(part -> part instanceof Embeddings tokens ? averaged(tokens, made) : part)
            .toList());
  }

  private static Embeddings averaged(Embeddings given, List<INDArray> made) {
    INDArray mask = given.mask();
    int tokens = (int) given.tokens().size(1);
    if (tokens == 1 && mask == null) {
      return given;
    }
    float[] values = floats(given.tokens());
    float[] kept = mask == null ? new float[0] : floats(mask);
    int width = (int) given.tokens().size(2);
    float[] means = new float[values.length / tokens];
    for (int i = 0; i < means.length; i++) {
      int sample = i / width;
      double sum = 0;
      double count = 0;
      for (int token = 0; token < tokens; token++) {
        double weight = mask == null ? 1 : kept[sample * tokens + token];
        sum += weight * values[(sample * tokens + token) * width + i % width];
        count += weight;
      }
      means[i] = count == 0 ? 0 : (float) (sum / count);
    }
    INDArray mean = Nd4j.create(means, new long[] {means.length / width, 1, width}, 'c');
    made.add(mean);
    return Condition.embeddings(mean, null, given.pooled());
  }

  private static float[] floats(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /**
   * The architecture of an {@link Mlp}. Immutable; each {@code with...} copies.
   *
   * @param features length of a sample, at least 1
   * @param width of the hidden layers, even and at least 2
   * @param layers number of residual hidden layers, in [1, 1000]
   * @param classes number of classes, without the null class; 0 for a model without labels
   * @param nullClass whether samples without a label have an embedding of their own, which
   *     classifier-free guidance needs (Ho and Salimans 2022)
   * @param embeddingWidth width of the embeddings that condition the samples, or 0 for none
   */
  public record Config(
      int features, int width, int layers, int classes, boolean nullClass, int embeddingWidth)
      implements NetworkConfig {

    private static final String FEATURES = "features";
    private static final String WIDTH = "width";
    private static final String LAYERS = "layers";
    private static final String CLASSES = "num_classes";
    private static final String NULL_CLASS = "null_class";
    private static final String EMBEDDINGS = "embedding_width";

    /**
     * @throws IllegalArgumentException if a value is out of range
     */
    public Config {
      require(features >= 1, "features must be at least 1 but were " + features);
      require(width >= 2 && width % 2 == 0, "width must be even and at least 2 but was " + width);
      require(layers >= 1 && layers <= 1000, "layers must be in [1, 1000] but were " + layers);
      require(
          classes >= 0 && classes < Integer.MAX_VALUE,
          "classes must be in [0, 2^31 - 2] but were " + classes);
      require(
          classes > 0 || !nullClass, "a null class must have classes beside it but there are 0");
      require(embeddingWidth >= 0, "embedding width must be at least 0 but was " + embeddingWidth);
    }

    /**
     * An unconditional architecture.
     *
     * @param features length of a sample, at least 1
     * @param width of the hidden layers, even and at least 2
     * @param layers number of residual hidden layers, in [1, 1000]
     */
    public Config(int features, int width, int layers) {
      this(features, width, layers, 0, false, 0);
    }

    /**
     * A copy that takes class labels.
     *
     * @param count number of classes, at least 1
     * @param unlabelled whether there is a null class, for samples without a label
     */
    public Config withClasses(int count, boolean unlabelled) {
      return new Config(features, width, layers, count, unlabelled, embeddingWidth);
    }

    /**
     * A copy that takes embeddings ({@link Embeddings}). The model gets the mean of the tokens that
     * the mask keeps, so a single vector is one token; a pooled vector beside them is refused.
     * Zeros stand for no embedding: they are the counterpart for guidance.
     *
     * @param of width of the embeddings, at least 1
     */
    public Config withEmbeddings(int of) {
      return new Config(features, width, layers, classes, nullClass, of);
    }

    /** The rows of the class table. */
    int classRows() {
      return nullClass ? classes + 1 : classes;
    }

    private static void require(boolean condition, String message) {
      if (!condition) {
        throw new IllegalArgumentException(message);
      }
    }

    /**
     * Reads the result of {@link #toJson}; without classes and embeddings, an unconditional model.
     *
     * @param json settings by name
     * @param warnings receives a message about unknown settings, which are ignored
     * @throws IllegalArgumentException if a setting is missing, of another type or out of range
     */
    public static Config fromJson(
        Map<String, ? extends @Nullable Object> json, Consumer<String> warnings) {
      JsonSettings settings = new JsonSettings(json);
      settings.warnOfUnknown(
          Set.of(FEATURES, WIDTH, LAYERS, CLASSES, NULL_CLASS, EMBEDDINGS), warnings);
      return new Config(
          settings.integer(FEATURES),
          settings.integer(WIDTH),
          settings.integer(LAYERS),
          settings.has(CLASSES) ? settings.integer(CLASSES) : 0,
          settings.has(NULL_CLASS) && settings.flag(NULL_CLASS),
          settings.has(EMBEDDINGS) ? settings.integer(EMBEDDINGS) : 0);
    }

    @Override
    public Map<String, @Nullable Object> toJson() {
      Map<String, @Nullable Object> json = new TreeMap<>();
      json.put(FEATURES, features);
      json.put(WIDTH, width);
      json.put(LAYERS, layers);
      if (classes > 0) {
        json.put(CLASSES, classes);
        json.put(NULL_CLASS, nullClass);
      }
      if (embeddingWidth > 0) {
        json.put(EMBEDDINGS, embeddingWidth);
      }
      return json;
    }

    @Override
    public Map<String, long[]> weightShapes() {
      WeightShapes shapes = new WeightShapes();
      shapes.timeMlp("time_embedding", width, width);
      if (classes > 0) {
        shapes.add("class_embedding.weight", classRows(), width);
      }
      if (embeddingWidth > 0) {
        shapes.dense("embedding_proj", embeddingWidth, width);
      }
      shapes.dense("linear_in", features, width);
      for (int i = 0; i < layers; i++) {
        String name = "layers." + i;
        shapes.dense(name + ".linear_1", width, width);
        shapes.dense(name + ".time_emb_proj", width, width);
        shapes.dense(name + ".linear_2", width, width);
      }
      shapes.dense("linear_out", width, features);
      return shapes.all();
    }

    @Override
    public Mlp create(NoiseSchedule schedule, Prediction prediction, long seed) {
      return Mlp.create(this, schedule, prediction, seed);
    }

    @Override
    public Mlp create(SchedulerConfig scheduler, long seed) {
      return (Mlp) NetworkConfig.super.create(scheduler, seed);
    }
  }
}
