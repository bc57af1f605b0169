package org.diffusion4j.text;

import static org.diffusion4j.text.DrawingPlan.Task.EDIT;
import static org.diffusion4j.text.DrawingPlan.Task.ENLARGE;
import static org.diffusion4j.text.DrawingPlan.Task.ENLARGE_NOISY;
import static org.diffusion4j.text.DrawingPlan.Task.FROM_IMAGE;
import static org.diffusion4j.text.DrawingPlan.Task.FROM_NOISE;
import static org.diffusion4j.text.DrawingPlan.Task.REPAINT;
import static org.diffusion4j.text.DrawingPlan.Task.REPAINT_BY_NETWORK;

import org.diffusion4j.Sampler;
import org.diffusion4j.samplers.Samplers;
import org.jspecify.annotations.Nullable;

/**
 * What a request means for a model, checked before anything is computed.
 *
 * @param height of a sample
 * @param width of a sample
 * @param guidance the scale of guidance by texts; 1 for none
 * @param imageGuidance the scale of guidance by the picture to edit
 * @param strength the part of the steps that is done
 * @param noiseLevel the timestep of the noise that is added to a picture to enlarge
 */
record DrawingPlan(
    Task task,
    Latents latents,
    Sampler sampler,
    int height,
    int width,
    double guidance,
    double imageGuidance,
    double strength,
    int noiseLevel) {

  /** How pictures are made. */
  enum Task {
    FROM_NOISE,
    FROM_IMAGE,
    REPAINT,
    REPAINT_BY_NETWORK,
    EDIT,
    ENLARGE,
    ENLARGE_NOISY
  }

  /**
   * @throws IllegalArgumentException if the request does not fit the model
   */
  static DrawingPlan of(Parts parts, ImageSettings settings) {
    requireTexts(parts, settings);
    Latents latents = Latents.of(parts.autoencoder(), parts.kind().scalesLatents());
    Task task = task(parts, settings);
    int[] size = size(parts, settings, task, latents);
    requireUsed(parts.kind(), task, settings);
    Sampler given = settings.sampler;
    Sampler sampler =
        given == null
            ? Samplers.of(parts.scheduler(), settings.steps.orElse(parts.steps()))
            : given;
    double strength =
        settings.strength.orElse(settings.masks == null ? parts.kind().defaults().strength() : 1);
    if (task == FROM_IMAGE || settings.masks != null && strength < 1) {
      Samplers.requireStrength(sampler, parts.network().schedule(), strength);
    }
    return new DrawingPlan(
        task,
        settings.tiled ? latents.tiled() : latents,
        sampler,
        size[0],
        size[1],
        guidance(parts, settings),
        settings.imageGuidanceScale.orElse(PipelineKind.IMAGE_GUIDANCE),
        strength,
        noiseLevel(parts, settings));
  }

  /** Whether predictions are guided. */
  boolean isGuided() {
    return guidance > 1 && (task != EDIT || imageGuidance >= 1);
  }

  private static void requireTexts(Parts parts, ImageSettings settings) {
    if (parts.encoder() == null && settings.prompts.stream().anyMatch(text -> !text.isEmpty())) {
      throw new IllegalArgumentException(
          "prompts must be empty for a model without a text encoder but one was not");
    }
    boolean xl = parts.kind() == PipelineKind.STABLE_DIFFUSION_XL;
    if (!xl && !(settings.secondPrompts.isEmpty() && settings.secondNegativePrompts.isEmpty())) {
      throw new IllegalArgumentException(
          "second prompts must not be given to a model without a second encoder");
    }
    if (settings.clipSkip > 0) {
      if (!(parts.encoder() instanceof ClipTextEncoder clip)) {
        throw new IllegalArgumentException(
            "clip skip must be 0 for a model without CLIP's encoder but was " + settings.clipSkip);
      }
      clip.withClipSkip(settings.clipSkip);
    }
  }

  /** Refuses settings that would have no effect because they are for models of another kind. */
  private static void requireUsed(PipelineKind kind, Task task, ImageSettings settings) {
    if (settings.noiseLevel.isPresent() && task != ENLARGE_NOISY) {
      throw new IllegalArgumentException(
          "noise level must not be given to a "
              + kind.mainClass()
              + " but was "
              + settings.noiseLevel.getAsInt());
    }
    if (settings.imageGuidanceScale.isPresent() && task != EDIT) {
      throw new IllegalArgumentException(
          "image guidance scale must not be given to a "
              + kind.mainClass()
              + " but was "
              + settings.imageGuidanceScale.getAsDouble());
    }
    if (settings.guidanceRescale > 0 && task == EDIT) {
      throw new IllegalArgumentException(
          "guidance rescale must be 0 for a "
              + kind.mainClass()
              + " but was "
              + settings.guidanceRescale);
    }
  }

  /** With an embedded guidance scale the network is asked once. */
  private static double guidance(Parts parts, ImageSettings settings) {
    boolean embedded =
        parts.hasInput(Parts.GUIDANCE_INPUT)
            || parts.kind() == PipelineKind.LATENT_CONSISTENCY
            || parts.encoder() == null;
    return embedded ? 1 : settings.guidanceScale.orElse(parts.guidance());
  }

  private static int noiseLevel(Parts parts, ImageSettings settings) {
    int level = settings.noiseLevel.orElse(PipelineKind.NOISE_LEVEL);
    if (parts.kind() == PipelineKind.UPSCALE && level > parts.mostNoise()) {
      throw new IllegalArgumentException(
          "noise level must be in [0, " + parts.mostNoise() + "] but was " + level);
    }
    return level;
  }

  private static Task task(Parts parts, ImageSettings settings) {
    Task task = wanted(parts.kind(), settings);
    int more = parts.pictureChannels();
    if (task == REPAINT && more == parts.channels() + 1) {
      return REPAINT_BY_NETWORK;
    }
    if (more == parts.channels() + 1 && task != REPAINT) {
      throw new IllegalArgumentException(
          "request must have an image and a mask for a network that repaints");
    }
    int expected =
        switch (task) {
          case EDIT -> parts.channels();
          case ENLARGE, ENLARGE_NOISY ->
              Latents.of(parts.autoencoder(), true).imageChannels(parts.channels());
          default -> 0;
        };
    if (more != expected) {
      throw new IllegalArgumentException(
          "network must take "
              + (parts.channels() + expected)
              + " channels for this request but takes "
              + (parts.channels() + more));
    }
    return task;
  }

  private static Task wanted(PipelineKind kind, ImageSettings settings) {
    Pixels images = settings.images;
    if (kind.needsImage() != (images != null) && !kind.startsFromImages()) {
      throw new IllegalArgumentException(
          kind.needsImage()
              ? "request must have an image for a " + kind.mainClass()
              : "request must have no image for a " + kind.mainClass());
    }
    if (settings.masks != null && !kind.repaints()) {
      throw new IllegalArgumentException("request must have no mask for a " + kind.mainClass());
    }
    if (settings.strength.isPresent() && (images == null || kind.needsImage())) {
      throw new IllegalArgumentException("strength must be given only with an image to start from");
    }
    return switch (kind) {
      case UPSCALE -> ENLARGE_NOISY;
      case LATENT_SUPER_RESOLUTION -> ENLARGE;
      case PIX2PIX -> EDIT;
      default -> images == null ? FROM_NOISE : settings.masks == null ? FROM_IMAGE : REPAINT;
    };
  }

  private static int[] size(Parts parts, ImageSettings settings, Task task, Latents latents) {
    Pixels images = settings.images;
    if (images != null) {
      requireChannels(images, latents.imageChannels(parts.channels()));
      requireSameSize(images, settings.size);
      if (task == ENLARGE || task == ENLARGE_NOISY) {
        return new int[] {images.height(), images.width()};
      }
      return ofSamples(images.height(), images.width(), latents.factor());
    }
    if (settings.size != null) {
      return ofSamples(settings.size[0], settings.size[1], latents.factor());
    }
    long[] shape = parts.network().sampleShape();
    return new int[] {(int) shape[1], (int) shape[2]};
  }

  private static void requireChannels(Pixels images, int channels) {
    if (images.channels() != channels) {
      throw new IllegalArgumentException(
          "images must have " + channels + " channels but had " + images.channels());
    }
  }

  private static void requireSameSize(Pixels images, int @Nullable [] size) {
    if (size != null && (size[0] != images.height() || size[1] != images.width())) {
      throw new IllegalArgumentException(
          "height and width must be those of the image, "
              + images.height()
              + " x "
              + images.width()
              + ", but were "
              + size[0]
              + " x "
              + size[1]);
    }
  }

  private static int[] ofSamples(int height, int width, int factor) {
    if (height % factor != 0 || width % factor != 0) {
      throw new IllegalArgumentException(
          "height and width must be multiples of "
              + factor
              + ", the autoencoder's factor, but were "
              + height
              + " x "
              + width);
    }
    return new int[] {height / factor, width / factor};
  }
}
