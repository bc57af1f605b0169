package org.diffusion4j.text;

import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.diffusion4j.CancelToken;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What a {@link TextToImage} model should draw. Immutable; a request gives the same pictures each
 * time it is used.
 *
 * <p>Settings that are not made have the defaults of the model's kind, which are those of
 * diffusers' pipelines. Whether a setting fits a model is checked when it is used, before anything
 * is computed.
 */
public final class ImageRequest {

  private static final int MOST_PICTURES = 1_000_000;
  private static final int MOST_SIZE = 1 << 15;

  /** Observes the steps of a run. */
  @FunctionalInterface
  public interface Listener {

    /**
     * Called after each step, on the generating thread. An exception ends the run and is passed to
     * the caller.
     *
     * @param step the step of a batch; of a latent model its arrays are latents
     * @param previews decodes what the step expects the batch's pictures to become, which takes as
     *     long as decoding the pictures; only during the call
     */
    void onStep(SamplingListener.Step step, Supplier<List<BufferedImage>> previews);
  }

  private final ImageSettings settings;
  private final NoiseSource noise;
  private final OptionalLong seed;

  private ImageRequest(Builder builder) {
    settings = builder.settings.copy();
    if (builder.noise == null) {
      long number = builder.seed.orElseGet(() -> ThreadLocalRandom.current().nextLong(1L << 53));
      seed = OptionalLong.of(number);
      noise = NoiseSource.perSample(number);
    } else {
      seed = OptionalLong.empty();
      noise = builder.noise;
    }
  }

  /**
   * A request for a picture of each text, with a random seed.
   *
   * @param prompts at least one; may be empty texts
   */
  public static ImageRequest of(String... prompts) {
    return builder(prompts).build();
  }

  /**
   * A builder of a request.
   *
   * @param prompts at least one; a model without a text encoder takes only empty ones
   */
  public static Builder builder(String... prompts) {
    return builder(List.of(prompts));
  }

  /** {@link #builder(String...)}. */
  public static Builder builder(List<String> prompts) {
    return new Builder(prompts);
  }

  /** The number of pictures: of prompts, times the pictures for each. */
  public int count() {
    return settings.count();
  }

  /** The texts. */
  public List<String> prompts() {
    return settings.prompts;
  }

  /** The seed; empty if {@link Builder#seeds} or {@link Builder#noise} were set. */
  public OptionalLong seed() {
    return seed;
  }

  NoiseSource noise() {
    return noise;
  }

  ImageSettings settings() {
    return settings;
  }

  @Override
  public String toString() {
    return "ImageRequest[prompts="
        + Shown.list(settings.prompts)
        + ", count="
        + count()
        + (seed.isPresent() ? ", seed=" + seed.getAsLong() : "")
        + "]";
  }

  /** Builds a request. */
  public static final class Builder {

    private final ImageSettings settings;
    private @Nullable NoiseSource noise;
    private OptionalLong seed = OptionalLong.empty();
    private int seeds;

    private Builder(List<String> prompts) {
      settings = new ImageSettings(texts("prompts", prompts));
      if (prompts.isEmpty()) {
        throw new IllegalArgumentException("prompts must be at least 1 but were 0");
      }
    }

    /**
     * Sets texts that guidance leads away from. By default it leads away from the empty text, and
     * in most Stable Diffusion XL models from zeros.
     *
     * @param texts one for all prompts, or one for each
     */
    public Builder negativePrompts(String... texts) {
      settings.negativePrompts = texts("negative prompts", List.of(texts));
      return this;
    }

    /**
     * Sets other texts for the second encoder of Stable Diffusion XL.
     *
     * @param texts one for all prompts, or one for each
     */
    public Builder secondPrompts(String... texts) {
      settings.secondPrompts = texts("second prompts", List.of(texts));
      return this;
    }

    /**
     * Sets other negative texts for the second encoder of Stable Diffusion XL.
     *
     * @param texts one for all prompts, or one for each
     */
    public Builder secondNegativePrompts(String... texts) {
      settings.secondNegativePrompts = texts("second negative prompts", List.of(texts));
      return this;
    }

    /** Sets the number of pictures of each prompt, at least 1; they follow each other. */
    public Builder imagesPerPrompt(int n) {
      settings.imagesPerPrompt = atLeast(1, "images per prompt", n);
      return this;
    }

    /**
     * Sets how many pictures are made at a time, at least 1; by default 4. It has no effect on the
     * pictures.
     */
    public Builder batchSize(int n) {
      settings.batchSize = atLeast(1, "batch size", n);
      return this;
    }

    /**
     * Sets the scale of classifier-free guidance towards the text (Ho and Salimans 2022). Up to 1
     * there is no guidance.
     *
     * @param scale at least 0
     */
    public Builder guidanceScale(double scale) {
      settings.guidanceScale = scale("guidance scale", scale);
      return this;
    }

    /**
     * Sets how far guided predictions are rescaled: {@link
     * org.diffusion4j.samplers.ClassifierFreeGuidance.Builder#rescale}.
     *
     * @param phi in [0, 1]; by default 0
     */
    public Builder guidanceRescale(double phi) {
      settings.guidanceRescale = unit("guidance rescale", phi);
      return this;
    }

    /**
     * Sets the scale of guidance towards the given picture, of models that edit pictures
     * (InstructPix2Pix, Brooks et al. 2023).
     *
     * @param scale at least 0; below 1 there is no guidance at all
     */
    public Builder imageGuidanceScale(double scale) {
      settings.imageGuidanceScale = scale("image guidance scale", scale);
      return this;
    }

    /** Sets a sampler instead of the one that the model's directory describes. */
    public Builder sampler(Sampler method) {
      settings.sampler = Objects.requireNonNull(method, "sampler");
      return this;
    }

    /** Sets the number of steps of the directory's sampler, at least 1. */
    public Builder steps(int n) {
      settings.steps = OptionalInt.of(atLeast(1, "steps", n));
      return this;
    }

    /** Leaves out blocks at the end of the text encoder, for the prompts only; by default 0. */
    public Builder clipSkip(int blocks) {
      settings.clipSkip = atLeast(0, "clip skip", blocks);
      return this;
    }

    /**
     * Sets the size of the pictures; by default it is that of the model's training, or of the given
     * picture.
     *
     * @param ofHeight in pixels, a multiple of the autoencoder's factor
     * @param ofWidth in pixels, a multiple of the autoencoder's factor
     */
    public Builder size(int ofHeight, int ofWidth) {
      settings.size = new int[] {size("height", ofHeight), size("width", ofWidth)};
      return this;
    }

    /** Sets the size before scaling that Stable Diffusion XL is told; by default the pictures'. */
    public Builder originalSize(int ofHeight, int ofWidth) {
      settings.originalSize = new int[] {size("height", ofHeight), size("width", ofWidth)};
      return this;
    }

    /** Sets the corner of the cut that Stable Diffusion XL is told; by default 0, 0. */
    public Builder cropTopLeft(int top, int left) {
      settings.cropTopLeft = new int[] {atLeast(0, "top", top), atLeast(0, "left", left)};
      return this;
    }

    /** Sets the size after cutting that Stable Diffusion XL is told; by default the pictures'. */
    public Builder targetSize(int ofHeight, int ofWidth) {
      settings.targetSize = new int[] {size("height", ofHeight), size("width", ofWidth)};
      return this;
    }

    /** Sets a picture for all prompts: to start from, to repair, to edit or to enlarge. */
    public Builder image(BufferedImage picture) {
      settings.images = Pixels.of(picture);
      return this;
    }

    /**
     * Sets pictures to start from, to repair, to edit or to enlarge.
     *
     * @param pictures FLOAT {@code [n, channels, height, width]} with values in [-1, 1], one for
     *     all prompts, one for each, or one for each picture; copied
     */
    public Builder images(INDArray pictures) {
      settings.images = Pixels.of("images", pictures);
      return this;
    }

    /** Sets what to repaint of a picture: what is at least half as bright as white. */
    public Builder mask(BufferedImage picture) {
      settings.masks = Pixels.maskOf(picture);
      return this;
    }

    /**
     * Sets what to repaint of pictures.
     *
     * @param masks FLOAT {@code [n, 1, height, width]}, where values of at least 0.5 are repainted;
     *     as many as there are images, or one for all; copied
     */
    public Builder masks(INDArray masks) {
      settings.masks = Pixels.of("masks", masks);
      return this;
    }

    /**
     * Sets which part of the steps is done when a picture is given to start from: with 1 hardly
     * anything of it remains, with 0 it is returned, as the autoencoder encodes and decodes it. By
     * default 0.8, for a mask 1, for Stable Diffusion XL 0.3.
     *
     * @param part in [0, 1]; if it is not 0, it must leave at least one step
     */
    public Builder strength(double part) {
      settings.strength = OptionalDouble.of(unit("strength", part));
      return this;
    }

    /**
     * Sets the noise that an enlarging model adds to the given picture: a timestep. By default 20.
     */
    public Builder noiseLevel(int timestep) {
      settings.noiseLevel = OptionalInt.of(atLeast(0, "noise level", timestep));
      return this;
    }

    /**
     * Encodes and decodes large pictures in overlapping tiles, in the memory of one tile. The
     * result differs a little.
     */
    public Builder tiled() {
      settings.tiled = true;
      return this;
    }

    /** Sets the seed, for pictures that can be made again. By default each request draws one. */
    public Builder seed(long number) {
      seed = OptionalLong.of(number);
      noise = null;
      seeds = 0;
      return this;
    }

    /**
     * Sets a seed for each picture: it is then the picture of a request for one with {@link #seed}.
     */
    public Builder seeds(long... numbers) {
      noise(NoiseSource.seeds(numbers));
      seeds = numbers.length;
      return this;
    }

    /** Sets the source of noise instead of a seed. */
    public Builder noise(NoiseSource source) {
      noise = Objects.requireNonNull(source, "noise");
      seed = OptionalLong.empty();
      seeds = 0;
      return this;
    }

    /** Sets the listener. */
    public Builder listener(Listener watcher) {
      settings.listener = Objects.requireNonNull(watcher, "listener");
      return this;
    }

    /** Sets a token by which any thread can cancel the run. */
    public Builder cancelToken(CancelToken token) {
      settings.cancelToken = Objects.requireNonNull(token, "cancel token");
      return this;
    }

    /**
     * The request.
     *
     * @throws IllegalArgumentException if numbers of texts, pictures, masks or seeds do not fit
     */
    public ImageRequest build() {
      long count = (long) settings.prompts.size() * settings.imagesPerPrompt;
      if (count > MOST_PICTURES) {
        throw new IllegalArgumentException(
            "pictures must be at most " + MOST_PICTURES + " but were " + count);
      }
      requireOneOrEach("negative prompts", settings.negativePrompts.size());
      requireOneOrEach("second prompts", settings.secondPrompts.size());
      requireOneOrEach("second negative prompts", settings.secondNegativePrompts.size());
      if (seeds > 0 && seeds != count) {
        throw new IllegalArgumentException(
            "seeds must be one per picture, " + count + ", but were " + seeds);
      }
      Pixels images = settings.images;
      if (images != null && images.count() != count) {
        requireOneOrEach("images", images.count());
      }
      requireMasks(images, settings.masks);
      return new ImageRequest(this);
    }

    private static void requireMasks(@Nullable Pixels images, @Nullable Pixels masks) {
      if (masks == null) {
        return;
      }
      if (images == null) {
        throw new IllegalArgumentException("mask must be given with an image but there is none");
      }
      int n = images.count();
      if (masks.channels() != 1
          || masks.height() != images.height()
          || masks.width() != images.width()
          || (masks.count() != 1 && masks.count() != n)) {
        throw new IllegalArgumentException(
            "masks must be "
                + Arrays.toString(new long[] {n, 1, images.height(), images.width()})
                + ", the size of the image, but were "
                + Arrays.toString(masks.shape()));
      }
    }

    private void requireOneOrEach(String what, int n) {
      if (n > 1 && n != settings.prompts.size()) {
        throw new IllegalArgumentException(
            what + " must be 1 or one per prompt, " + settings.prompts.size() + ", but were " + n);
      }
    }

    private static List<String> texts(String what, List<String> texts) {
      for (String text : texts) {
        if (text == null) {
          throw new IllegalArgumentException(what + " must not be null but one was");
        }
        if (text.length() > ClipTokenizer.MAX_TEXT) {
          throw new IllegalArgumentException(
              what
                  + " must have at most "
                  + ClipTokenizer.MAX_TEXT
                  + " chars but one has "
                  + text.length());
        }
      }
      return List.copyOf(texts);
    }

    private static int atLeast(int least, String what, int value) {
      if (value < least) {
        throw new IllegalArgumentException(
            what + " must be at least " + least + " but was " + value);
      }
      return value;
    }

    private static int size(String what, int value) {
      if (value < 1 || value > MOST_SIZE) {
        throw new IllegalArgumentException(
            what + " must be in [1, " + MOST_SIZE + "] but was " + value);
      }
      return value;
    }

    private static OptionalDouble scale(String what, double value) {
      if (!(value >= 0 && Double.isFinite(value))) {
        throw new IllegalArgumentException(what + " must be at least 0 but was " + value);
      }
      return OptionalDouble.of(value);
    }

    private static double unit(String what, double value) {
      if (!(value >= 0 && value <= 1)) {
        throw new IllegalArgumentException(what + " must be in [0, 1] but was " + value);
      }
      return value;
    }
  }
}
