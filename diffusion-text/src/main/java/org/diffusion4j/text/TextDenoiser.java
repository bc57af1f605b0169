package org.diffusion4j.text;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

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

  private static final String UNET = TextDenoiserGraph.UNET;
  private static final String TEXT = TextDenoiserGraph.TEXT;
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
    SameDiff graph =
        new TextDenoiserGraph(unet, text, tokenizer).build(isTrained, Layers.Adapter.NONE);
    return new TextDenoiser(unet, graph, trained == Trained.BOTH, null);
  }

  /**
   * The same for a model whose text encoder is one CLIP model.
   *
   * @throws IllegalArgumentException if it has other parts, or if they do not fit together
   */
  public static TextDenoiser of(TextToImage model, Trained trained) {
    return of(unet(model), encoder(model), tokenizer(model), trained);
  }

  /**
   * A denoiser whose models are frozen, with trained low-rank matrices beside dense layers: LoRA
   * (Hu et al. 2021, arXiv:2106.09685) with alpha = rank.
   *
   * @param unet as in {@link #of}
   * @param text as in {@link #of}
   * @param tokenizer as in {@link #of}
   * @param rank of the matrices, at least 1 and at most the inputs and the outputs of each layer
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
    TextDenoiserGraph parts = new TextDenoiserGraph(unet, text, tokenizer);
    paths.require(parts.shapes());
    SameDiff graph = parts.build(name -> false, paths);
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

  /**
   * The same for a model whose text encoder is one CLIP model.
   *
   * @throws IllegalArgumentException if it has other parts, or if they do not fit together
   */
  public static TextDenoiser withLora(TextToImage model, int rank, long seed, String... modules) {
    return withLora(unet(model), encoder(model), tokenizer(model), rank, seed, modules);
  }

  private static UNet2DConditionModel unet(TextToImage model) {
    if (model.network() instanceof UNet2DConditionModel unet) {
      return unet;
    }
    throw new IllegalArgumentException(
        "network must be a UNet2DConditionModel but was a "
            + model.network().getClass().getSimpleName());
  }

  private static ClipTextModel encoder(TextToImage model) {
    return clip(model).models().get(0);
  }

  private static ClipTokenizer tokenizer(TextToImage model) {
    return clip(model).tokenizers().get(0);
  }

  private static ClipTextEncoder clip(TextToImage model) {
    if (model.textEncoder().orElse(null) instanceof ClipTextEncoder clip
        && clip.models().size() == 1) {
      return clip;
    }
    throw new IllegalArgumentException(
        "text encoder must be one CLIP model to be trained with but is another");
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

  /**
   * Copies the weights into a model of the same architecture, such as that which this denoiser was
   * made from. No picture may be drawn meanwhile.
   *
   * @throws IllegalArgumentException if it has other weights
   */
  public void copyTo(TextToImage model) {
    copyTo(unet(model), encoder(model));
    model.weightsChanged();
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
