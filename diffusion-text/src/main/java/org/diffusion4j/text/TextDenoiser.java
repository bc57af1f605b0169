package org.diffusion4j.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.nn.unet.ConditionalUNet;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNetGraph;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A U-Net and its text encoder as one denoiser, for training. It is conditioned by token ids, which
 * {@link TextImages#tokenized} gives: embeddings {@code [n, tokens, 1]}, the differences from the
 * ids of the empty prompt. So zeros, which dropped labels and guidance put there, are the empty
 * prompt.
 *
 * <p>It has copies of the models' weights. What is not trained is constant and has no gradients:
 *
 * <pre>{@code
 * try (var both = TextDenoiser.of(unet, encoder, tokenizer, TextDenoiser.Trained.BOTH);
 *     var trainer = DiffusionTrainer.builder(both).labelDropout(0.1).ema(0.999).build()) {
 *   trainer.train(SampleIterator.of(images.tokenized(tokenizer), 32).shuffle(1).build(), 10_000);
 *   trainer.useAverage();
 *   both.copyTo(unet, encoder);
 * }
 * }</pre>
 */
public final class TextDenoiser extends SameDiffDenoiser {

  private static final String UNET = LoraKey.UNET + ".";
  private static final String TEXT = LoraKey.TEXT + ".";
  private static final List<String> ATTENTION = List.of("to_q", "to_k", "to_v", "to_out.0");

  /** Which weights are trained. */
  public enum Trained {
    /** Those of the U-Net. */
    UNET,
    /** Those of the text encoder. */
    TEXT_ENCODER,
    /** Those of the U-Net and the text encoder. */
    BOTH
  }

  private final SameDiff graph;
  private final boolean whole;
  private final @Nullable LowRankPaths paths;

  private TextDenoiser(
      UNet2DConditionModel unet, SameDiff graph, boolean whole, @Nullable LowRankPaths paths) {
    super(graph, unet.sampleShape(), unet.schedule(), unet.prediction());
    this.graph = graph;
    this.whole = whole;
    this.paths = paths;
  }

  /**
   * A denoiser whose models are trained.
   *
   * @param unet without other conditions than text, without dropout; of as many tokens as the
   *     tokenizer gives
   * @param text the text encoder, of as many positions
   * @param tokenizer gives the ids of the empty prompt
   * @param trained what is trained
   * @throws IllegalArgumentException if the models do not fit together
   * @throws IllegalStateException if the copies of the weights exceed memory
   */
  public static TextDenoiser of(
      UNet2DConditionModel unet, ClipTextModel text, ClipTokenizer tokenizer, Trained trained) {
    Predicate<String> isTrained =
        switch (trained) {
          case UNET -> name -> name.startsWith(UNET);
          case TEXT_ENCODER -> name -> name.startsWith(TEXT);
          case BOTH -> name -> true;
        };
    SameDiff graph = graph(unet, text, tokenizer, isTrained, Layers.Adapter.NONE);
    return new TextDenoiser(unet, graph, trained == Trained.BOTH, null);
  }

  /**
   * A denoiser whose models are frozen, with trained low-rank matrices beside dense layers: LoRA
   * (Hu et al. 2021, arXiv:2106.09685) with alpha = rank.
   *
   * @param unet as in {@link #of}
   * @param text as in {@link #of}
   * @param tokenizer as in {@link #of}
   * @param rank of the matrices, at least 1
   * @param seed seed of the matrices
   * @param modules the ends of the names of those layers, such as {@code "to_q"} in the U-Net and
   *     {@code "q_proj"} in the text encoder; by default the projections of the U-Net's attention
   * @throws IllegalArgumentException if the models do not fit together, or if a module is no dense
   *     layer of theirs
   * @throws IllegalStateException if the copies of the weights exceed memory
   */
  public static TextDenoiser withLora(
      UNet2DConditionModel unet,
      ClipTextModel text,
      ClipTokenizer tokenizer,
      int rank,
      long seed,
      String... modules) {
    List<String> chosen = modules.length == 0 ? ATTENTION : List.of(modules);
    LowRankPaths paths = new LowRankPaths(chosen, rank, seed);
    SameDiff graph = graph(unet, text, tokenizer, name -> false, paths);
    TextDenoiser denoiser = new TextDenoiser(unet, graph, false, paths);
    boolean done = false;
    try {
      paths.requireAll();
      done = true;
      return denoiser;
    } finally {
      if (!done) {
        denoiser.close();
      }
    }
  }

  private static SameDiff graph(
      UNet2DConditionModel unet,
      ClipTextModel text,
      ClipTokenizer tokenizer,
      Predicate<String> trained,
      Layers.Adapter adapter) {
    ConditionalUNet net = ConditionalUNet.of(unet.config().toJson());
    requireFit(unet.config(), net, text.config(), tokenizer);
    Map<String, INDArray> weights = new HashMap<>();
    unet.weights().forEach((name, weight) -> weights.put(UNET + name, weight));
    text.weights().forEach((name, weight) -> weights.put(TEXT + name, weight));
    NativeMemory.require(
        "copies of weights",
        weights.values().stream().mapToLong(INDArray::length).sum(),
        Float.BYTES,
        0);
    weights.replaceAll((name, weight) -> weight.dup('c'));
    Layers layers = Layers.tuning(weights, trained, adapter);
    SDVariable sample =
        layers.input(Graphs.SAMPLE, -1, net.inChannels(), net.height(), net.width());
    SDVariable timestep = layers.input(Graphs.TIMESTEP, -1, 1);
    int tokens = tokenizer.maxLength();
    SDVariable differences = layers.input(Graphs.EMBEDDINGS, -1, tokens, 1);
    SDVariable ids = ids(layers.sd, differences, tokenizer);
    SDVariable hidden = text.config().graph().build(layers.within(TEXT), "", ids).last();
    layers.output(ConditionalUNetGraph.build(layers.within(UNET), net, sample, timestep, hidden));
    return layers.sd;
  }

  private static SDVariable ids(SameDiff sd, SDVariable differences, ClipTokenizer tokenizer) {
    int tokens = tokenizer.maxLength();
    INDArray empty = Nd4j.createFromArray(tokenizer.encodeSilently("").ids());
    try (empty) {
      SDVariable constant = sd.constant(empty.castTo(DataType.FLOAT).reshape(1, tokens));
      return sd.castTo(sd.reshape(differences, -1, tokens).add(constant), DataType.INT);
    }
  }

  private static void requireFit(
      UNet2DConditionModel.Config unet,
      ConditionalUNet net,
      ClipTextModel.Config text,
      ClipTokenizer tokenizer) {
    int tokens = tokenizer.maxLength();
    if (unet.tokens() != tokens || text.positions() != tokens) {
      throw new IllegalArgumentException(
          "U-Net and text encoder must be for the "
              + tokens
              + " tokens of the tokenizer but are for "
              + unet.tokens()
              + " and "
              + text.positions());
    }
    if (unet.textWidth() != text.width()) {
      throw new IllegalArgumentException(
          "U-Net must be for embeddings of the text encoder's width, "
              + text.width()
              + ", but is for "
              + unet.textWidth());
    }
    if (text.vocabulary() < tokenizer.vocabularySize()) {
      throw new IllegalArgumentException(
          "text encoder must be for the "
              + tokenizer.vocabularySize()
              + " ids of the tokenizer but is for "
              + text.vocabulary());
    }
    if (net.textTime().isPresent()
        || net.text().masked()
        || net.residuals()
        || net.labels().embedding() != LabelEmbedding.NONE
        || net.time().condition().isPresent()
        || net.style().dropout() > 0) {
      throw new IllegalArgumentException(
          "U-Net must have no condition but text, and no dropout, but is " + unet);
    }
  }

  /**
   * The graph, if all is trained.
   *
   * @throws IllegalArgumentException if weights are frozen: checkpoints of a training then have the
   *     trained weights but no model directory
   */
  @Override
  public NetworkConfig config() {
    if (!whole) {
      throw new IllegalArgumentException(
          "weights must all be trained to be saved as one model but some are frozen; copyTo and"
              + " lora() give the parts");
    }
    return super.config();
  }

  /**
   * Copies the weights into the models, those of this denoiser or of the same architecture.
   * Low-rank matrices are not merged.
   *
   * @throws IllegalArgumentException if a model has other weights
   */
  public void copyTo(UNet2DConditionModel unet, ClipTextModel text) {
    requireSame(UNET, unet.weights());
    requireSame(TEXT, text.weights());
    unet.weights().forEach((name, weight) -> weight.assign(array(UNET + name)));
    text.weights().forEach((name, weight) -> weight.assign(array(TEXT + name)));
    unet.weightsChanged();
    text.weightsChanged();
  }

  private void requireSame(String part, Map<String, INDArray> weights) {
    weights.forEach(
        (name, weight) -> {
          if (!graph.hasVariable(part + name) || !array(part + name).equalShapes(weight)) {
            throw new IllegalArgumentException(
                "model must have the weights of this denoiser but has another " + part + name);
          }
        });
  }

  private INDArray array(String name) {
    weightsChanged(); // Checks that this is open.
    return graph.getVariable(name).getArr();
  }

  /**
   * The trained low-rank matrices, copied.
   *
   * @throws IllegalStateException if there are none
   */
  public Lora lora() {
    if (paths == null) {
      throw new IllegalStateException("this denoiser must have been made with LoRA");
    }
    weightsChanged();
    return paths.lora();
  }
}
