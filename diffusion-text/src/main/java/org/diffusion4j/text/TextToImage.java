package org.diffusion4j.text;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.autoencoder.Autoencoder;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A model that draws pictures of texts: a network, a text encoder, usually an autoencoder, and the
 * settings of a scheduler (Rombach et al. 2022).
 *
 * <pre>{@code
 * try (TextToImage model = TextToImage.load(Path.of("stable-diffusion-v1-5"))) {
 *   BufferedImage picture = model.generate("a red dragon");
 * }
 * }</pre>
 *
 * <p>Directories of diffusers' {@code StableDiffusionPipeline}, {@code ...Img2ImgPipeline}, {@code
 * ...InpaintPipeline}, {@code StableDiffusionXLPipeline}, {@code ...XLImg2ImgPipeline}, {@code
 * StableDiffusionUpscalePipeline}, {@code StableDiffusionInstructPix2PixPipeline}, {@code
 * LatentConsistencyModelPipeline}, {@code LDMPipeline} and {@code LDMSuperResolutionPipeline} are
 * read and written, and {@code TextToImagePipeline}, which is this library's. What a model does
 * depends on the request: with an image it starts from it, with a mask it repaints a part of it.
 *
 * <p>Several threads may generate at the same time, but not while weights change; each gets what it
 * would get alone.
 */
public final class TextToImage implements AutoCloseable {

  private final Parts parts;
  private final Provenance provenance;
  private final SizedNetworks networks;

  TextToImage(Parts parts, Provenance provenance) {
    this.parts = parts;
    this.provenance = provenance;
    networks = new SizedNetworks(parts.network());
  }

  /**
   * Reads a model directory. Its weights may be 16 or 32 bits wide, in several files, or those of a
   * variant such as {@code fp16}. Parts that are not needed, such as a safety checker, are passed
   * over.
   *
   * @param directory with a {@code model_index.json}
   * @throws org.diffusion4j.ModelFormatException if the pipeline's class is not supported, or if a
   *     part is missing, damaged or not supported; the message names it
   * @throws IOException if reading fails
   */
  public static TextToImage load(Path directory) throws IOException {
    return PipelineReader.read(directory, false);
  }

  /**
   * Reads a model that only draws, in about half the memory of {@link #load}: the weights of
   * network, text encoders and an {@link org.diffusion4j.autoencoder.AutoencoderKL} are held once,
   * in the layout of the kernels, and those of 16 bits stay 16 bits wide. Pictures are the same.
   * These weights cannot be read, changed or saved; their files stay open: {@link
   * org.diffusion4j.pretrained.PretrainedModel#loadFrozen(Path)}.
   *
   * @param directory with a {@code model_index.json}
   * @throws org.diffusion4j.ModelFormatException as {@link #load}
   * @throws IOException if reading fails
   */
  public static TextToImage loadFrozen(Path directory) throws IOException {
    return PipelineReader.read(directory, true);
  }

  /**
   * A builder of a model from its parts, which then belong to it.
   *
   * @param network takes embeddings of the encoder's width
   * @param encoder makes embeddings of texts
   */
  public static Builder builder(SameDiffDenoiser network, TextEncoder encoder) {
    return new Builder(network, encoder);
  }

  /**
   * A picture of a text, with a random seed.
   *
   * @param prompt may be empty
   * @return a picture of type {@link BufferedImage#TYPE_INT_RGB}
   */
  public BufferedImage generate(String prompt) {
    return generate(ImageRequest.of(prompt)).get(0);
  }

  /**
   * The pictures of a request, in the order of its prompts.
   *
   * @return pictures of type {@link BufferedImage#TYPE_INT_RGB}
   * @throws IllegalArgumentException if the request does not fit the model; nothing is computed
   *     then
   * @throws IllegalStateException if this model is closed
   * @throws org.diffusion4j.SamplingCancelledException if the request was cancelled or the thread
   *     interrupted
   */
  public List<BufferedImage> generate(ImageRequest request) {
    return Detached.get(
        () -> {
          Drawing drawing = new Drawing(parts, networks, request);
          List<BufferedImage> pictures = new ArrayList<>();
          drawing.run(picture -> pictures.add(Drawing.image(picture)));
          return pictures;
        });
  }

  /**
   * The pictures of a request as values.
   *
   * @return FLOAT {@code [n, channels, height, width]} in [-1, 1], owned by the caller
   * @throws IllegalArgumentException if the request does not fit the model; nothing is computed
   *     then
   * @throws IllegalStateException if this model is closed, or if there is too little memory
   * @throws org.diffusion4j.SamplingCancelledException if the request was cancelled or the thread
   *     interrupted
   */
  public INDArray values(ImageRequest request) {
    return Detached.get(
        () -> {
          Drawing drawing = new Drawing(parts, networks, request);
          long[] shape = drawing.shape();
          NativeMemory.require(
              "pictures", NativeMemory.product(NativeMemory.product(shape), Float.BYTES));
          INDArray all = Nd4j.createUninitialized(DataType.FLOAT, shape);
          int[] done = {0};
          try {
            drawing.run(
                picture -> {
                  Elements.clamp(picture, 1);
                  Masks.rows(all, done[0]++, 1).assign(picture);
                });
            return all;
          } finally {
            if (done[0] < request.count()) {
              all.close();
            }
          }
        });
  }

  /** The network, which has the weights. */
  public SameDiffDenoiser network() {
    return parts.network();
  }

  /** Must be called after a change of the network's weights: those for other sizes share them. */
  void weightsChanged() {
    networks.weightsChanged();
  }

  /** The text encoder; empty for a model without texts. */
  public Optional<TextEncoder> textEncoder() {
    return Optional.ofNullable(parts.encoder());
  }

  /** The autoencoder; empty for a model of pixels. */
  public Optional<Autoencoder> autoencoder() {
    return Optional.ofNullable(parts.autoencoder());
  }

  /** The settings of the noise schedule and of the sampler that is used by default. */
  public SchedulerConfig scheduler() {
    return parts.scheduler();
  }

  /** The origin of the model. */
  public Provenance provenance() {
    return provenance;
  }

  /** The class of the pipeline in its directory. */
  public String pipeline() {
    return parts.className();
  }

  /**
   * Writes the model directory; the old or the new one can be loaded whenever the process ends.
   *
   * @param directory the directory; an existing one is replaced with all its contents if it is
   *     empty or contains a {@code model_index.json}
   * @throws IllegalArgumentException if the text encoder is not a {@link ClipTextEncoder}, or if a
   *     model of {@link #builder} has one with the settings of Stable Diffusion XL or with clip
   *     skip
   * @throws IllegalStateException if this model was read by {@link #loadFrozen}
   * @throws IOException if it cannot be written; an existing directory is then unchanged
   */
  public void save(Path directory) throws IOException {
    save(directory, DataType.FLOAT);
  }

  /**
   * Writes the model directory as {@link #save(Path)}, with weights of a type. Those of 16 bits
   * take half the space and are rounded to the nearest.
   *
   * @param directory as for {@link #save(Path)}
   * @param weights the type of weights in their files, FLOAT or FLOAT16
   * @throws IllegalArgumentException for another type, or as {@link #save(Path)}
   * @throws IOException as {@link #save(Path)}, or if a weight is too large for 16 bits
   */
  public void save(Path directory, DataType weights) throws IOException {
    PipelineWriter.write(parts, provenance, directory, weights);
  }

  /** Frees the memory of all parts. */
  @Override
  public void close() {
    // The others are closed even if one fails.
    try (TextEncoder encoder = parts.encoder();
        Autoencoder autoencoder = parts.autoencoder()) {
      networks.close();
    }
  }

  @Override
  public String toString() {
    return "TextToImage[" + parts.className() + ", " + parts.scheduler().className() + "]";
  }

  /** Builds a model from its parts. */
  public static final class Builder {

    private final SameDiffDenoiser network;
    private final TextEncoder encoder;
    private @Nullable Autoencoder autoencoder;
    private SchedulerConfig scheduler;
    private Provenance provenance = Provenance.ofThisLibrary();
    private int steps = PipelineKind.OWN.defaults().steps();
    private double guidance = PipelineKind.OWN.defaults().guidance();

    private Builder(SameDiffDenoiser network, TextEncoder encoder) {
      this.network = Objects.requireNonNull(network, "network");
      this.encoder = Objects.requireNonNull(encoder, "encoder");
      scheduler = network.scheduler();
    }

    /** Sets an autoencoder, whose scaled latents are the network's samples; by default none. */
    public Builder autoencoder(Autoencoder coder) {
      autoencoder = Objects.requireNonNull(coder, "autoencoder");
      return this;
    }

    /** Sets the default sampler; by default that of {@link SameDiffDenoiser#scheduler}. */
    public Builder scheduler(SchedulerConfig settings) {
      scheduler = Objects.requireNonNull(settings, "scheduler");
      return this;
    }

    /**
     * Sets what requests have by default.
     *
     * @param ofSteps number of steps, at least 1
     * @param guidanceScale at least 0
     */
    public Builder defaults(int ofSteps, double guidanceScale) {
      if (ofSteps < 1) {
        throw new IllegalArgumentException("steps must be at least 1 but was " + ofSteps);
      }
      if (!(guidanceScale >= 0 && Double.isFinite(guidanceScale))) {
        throw new IllegalArgumentException(
            "guidance scale must be at least 0 but was " + guidanceScale);
      }
      steps = ofSteps;
      guidance = guidanceScale;
      return this;
    }

    /** Sets the origin. */
    public Builder provenance(Provenance origin) {
      provenance = Objects.requireNonNull(origin, "provenance");
      return this;
    }

    /**
     * The model.
     *
     * @throws IllegalArgumentException if the parts do not fit together
     */
    public TextToImage build() {
      Parts parts =
          new Parts(
              PipelineKind.OWN,
              PipelineKind.OWN.mainClass(),
              network,
              encoder,
              autoencoder,
              scheduler,
              null,
              Map.copyOf(Parts.own(steps, guidance)));
      parts.requireFit();
      return new TextToImage(parts, provenance);
    }
  }
}
