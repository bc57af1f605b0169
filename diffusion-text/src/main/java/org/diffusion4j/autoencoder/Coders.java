package org.diffusion4j.autoencoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.internal.nn.Frozen;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.WeightShapes;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The encoder and the decoder of an autoencoder, and the weights of both. */
final class Coders implements AutoCloseable {

  /**
   * What the networks are built from.
   *
   * @param imageChannels of the encoder's input
   * @param latentChannels of the decoder's input
   * @param factor by which the sizes of the two differ
   */
  record Plan(
      SizedGraphs.Network encoder,
      SizedGraphs.Network decoder,
      int imageChannels,
      int latentChannels,
      int factor) {

    /** Builds both networks for the smallest image. */
    private Map<String, long[]> build(Layers layers) {
      encoder.of(layers, "image", imageChannels, factor, factor);
      decoder.of(layers, "latents", latentChannels, 1, 1);
      return layers.shapes();
    }

    /** The shapes of the weights; needs no memory for them. */
    Map<String, long[]> shapes() {
      return build(Layers.withoutArrays());
    }
  }

  private final Map<String, INDArray> weights;
  private final @Nullable WeightSource frozen;
  private final SizedGraphs encoder;
  private final SizedGraphs decoder;

  private Coders(Plan plan, Map<String, INDArray> weights) {
    this(plan, weights, null);
  }

  private Coders(Plan plan, Map<String, INDArray> weights, @Nullable WeightSource frozen) {
    this.weights = Collections.unmodifiableMap(weights);
    this.frozen = frozen;
    encoder = new SizedGraphs(plan.encoder, weights, frozen);
    decoder = new SizedGraphs(plan.decoder, weights, frozen);
  }

  /**
   * Networks with random weights.
   *
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  static Coders create(Plan plan, long seed) {
    WeightShapes.requireMemory(plan.shapes());
    return Detached.get(
        () -> {
          Layers layers = new Layers(seed);
          Map<String, INDArray> weights = new LinkedHashMap<>();
          plan.build(layers)
              .keySet()
              .forEach(name -> weights.put(name, layers.sd.getVariable(name).getArr()));
          return new Coders(plan, weights);
        });
  }

  /**
   * Networks with the weights of a directory.
   *
   * @param further shapes of weights that no network reads, by name
   * @throws IllegalArgumentException if the weights exceed memory; nothing is allocated then
   */
  static Coders load(Plan plan, Map<String, long[]> further, Path directory) throws IOException {
    Map<String, long[]> shapes = new LinkedHashMap<>(plan.shapes());
    shapes.putAll(further);
    ModelWeights stored = ModelWeights.find(shapes, WeightLayout.TORCH, directory);
    WeightShapes.requireMemory(shapes);
    Map<String, INDArray> weights = new LinkedHashMap<>();
    boolean done = false;
    try {
      Detached.get(
          () -> {
            shapes.forEach(
                (name, shape) ->
                    weights.put(name, Nd4j.createUninitialized(DataType.FLOAT, shape)));
            return weights;
          });
      stored.load(weights);
      done = true;
      return new Coders(plan, weights);
    } finally {
      if (!done) {
        weights.values().forEach(INDArray::close);
      }
    }
  }

  /**
   * Networks that only run: their weights stay in the files of a directory, and each graph holds
   * them in the layout of its kernels.
   */
  static Coders loadFrozen(Plan plan, Path directory) throws IOException {
    if (!Frozen.isPossible()) {
      return load(plan, Map.of(), directory);
    }
    WeightSource source = ModelWeights.find(plan.shapes(), WeightLayout.TORCH, directory).source();
    return new Coders(plan, Map.of(), source);
  }

  /**
   * The weights by name.
   *
   * @throws IllegalStateException if they are frozen
   */
  Map<String, INDArray> weights() {
    if (frozen != null) {
      throw new IllegalStateException(
          "weights must be those of an autoencoder that can change but this one was loaded frozen;"
              + " load reads one that can be changed and saved");
    }
    return weights;
  }

  INDArray encode(INDArray images) {
    return encoder.run(images);
  }

  INDArray decode(INDArray latents) {
    return decoder.run(latents);
  }

  /** A copy of each weight, owned by the caller. */
  Map<String, INDArray> copyWeights() {
    return Detached.get(
        () -> {
          Map<String, INDArray> copies = new LinkedHashMap<>();
          weights().forEach((name, weight) -> copies.put(name, weight.dup('c')));
          return copies;
        });
  }

  /**
   * Replaces the weights.
   *
   * @throws IllegalArgumentException if the others have other names or shapes
   */
  void assign(Map<String, INDArray> values) {
    weights()
        .forEach(
            (name, weight) -> {
              INDArray value = values.get(name);
              if (value == null || !Arrays.equals(value.shape(), weight.shape())) {
                throw new IllegalArgumentException(
                    "weights must be those of an autoencoder of the same configuration but "
                        + name
                        + " is "
                        + (value == null ? "missing" : Arrays.toString(value.shape())));
              }
            });
    weights.forEach((name, weight) -> weight.assign(values.get(name)));
    encoder.weightsChanged();
    decoder.weightsChanged();
  }

  @Override
  public void close() {
    encoder.close();
    decoder.close();
    if (frozen != null) {
      frozen.close();
    }
    synchronized (this) {
      for (INDArray weight : weights.values()) {
        if (weight.closeable()) {
          weight.close();
        }
      }
    }
  }
}
