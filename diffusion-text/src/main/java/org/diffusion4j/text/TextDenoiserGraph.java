package org.diffusion4j.text;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.unet.ConditionalUNet;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNetGraph;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The graph of a {@link TextDenoiser}: token ids, text encoder, U-Net. */
record TextDenoiserGraph(UNet2DConditionModel unet, ClipTextModel text, ClipTokenizer tokenizer) {

  /** Before the names of the U-Net's weights. */
  static final String UNET = LoraKey.UNET + ".";

  /** Before the names of the text encoder's weights. */
  static final String TEXT = LoraKey.TEXT + ".";

  /**
   * Builds the graph with copies of the weights.
   *
   * @param trained whether the weight with a name is trained
   * @param adapter of dense layers
   * @throws IllegalArgumentException if the models do not fit together
   * @throws IllegalStateException if the weights exceed memory
   */
  SameDiff build(Predicate<String> trained, Layers.Adapter adapter) {
    return Detached.get(() -> buildDetached(trained, adapter));
  }

  private SameDiff buildDetached(Predicate<String> trained, Layers.Adapter adapter) {
    ConditionalUNet net = ConditionalUNet.of(unet.config().toJson());
    requireFit();
    requireTextOnly(net);
    Layers layers = Layers.tuning(copies(), trained, adapter);
    SDVariable sample = ConditionalUNetGraph.samples(layers, net);
    SDVariable timestep = layers.input(Graphs.TIMESTEP, -1, 1);
    SDVariable hidden = text.config().graph().build(layers.within(TEXT), "", ids(layers)).last();
    layers.output(ConditionalUNetGraph.build(layers.within(UNET), net, sample, timestep, hidden));
    return layers.sd;
  }

  /** The shapes of all weights by name. */
  Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new TreeMap<>();
    unet.config().weightShapes().forEach((name, shape) -> shapes.put(UNET + name, shape));
    text.config().weightShapes().forEach((name, shape) -> shapes.put(TEXT + name, shape));
    return shapes;
  }

  private Map<String, INDArray> copies() {
    Map<String, INDArray> weights = new HashMap<>();
    unet.weights().forEach((name, weight) -> weights.put(UNET + name, weight));
    text.weights().forEach((name, weight) -> weights.put(TEXT + name, weight));
    long values = weights.values().stream().mapToLong(INDArray::length).sum();
    NativeMemory.require("copies of weights", NativeMemory.product(values, Float.BYTES));
    weights.replaceAll((name, weight) -> weight.dup('c'));
    return weights;
  }

  /** The ids, which come as differences from those of the empty prompt. */
  private SDVariable ids(Layers layers) {
    int tokens = tokenizer.maxLength();
    SDVariable differences = layers.input(Graphs.EMBEDDINGS, -1, tokens, 1);
    try (INDArray empty = Nd4j.createFromArray(tokenizer.encodeSilently("").ids())) {
      SDVariable constant = layers.sd.constant(empty.castTo(DataType.FLOAT).reshape(1, tokens));
      SDVariable ids = layers.sd.reshape(differences, -1, tokens).add(constant);
      return layers.sd.castTo(ids, DataType.INT32);
    }
  }

  private void requireFit() {
    int tokens = tokenizer.maxLength();
    if (unet.config().tokens() != tokens || text.config().positions() != tokens) {
      throw new IllegalArgumentException(
          "U-Net and text encoder must be for the "
              + tokens
              + " tokens of the tokenizer but are for "
              + unet.config().tokens()
              + " and "
              + text.config().positions());
    }
    if (unet.config().textWidth() != text.config().width()) {
      throw new IllegalArgumentException(
          "U-Net must be for embeddings of the text encoder's width, "
              + text.config().width()
              + ", but is for "
              + unet.config().textWidth());
    }
    if (text.config().vocabulary() < tokenizer.vocabularySize()) {
      throw new IllegalArgumentException(
          "text encoder must be for the "
              + tokenizer.vocabularySize()
              + " ids of the tokenizer but is for "
              + text.config().vocabulary());
    }
  }

  private static void requireTextOnly(ConditionalUNet net) {
    if (net.textTime().isPresent()
        || net.text().masked()
        || net.residuals()
        || net.labels().embedding() != LabelEmbedding.NONE
        || net.time().condition().isPresent()) {
      throw new IllegalArgumentException("U-Net must have no condition but text but has another");
    }
    if (net.style().dropout() > 0) {
      throw new IllegalArgumentException(
          "U-Net must have dropout 0 behind a text encoder but has " + net.style().dropout());
    }
  }
}
