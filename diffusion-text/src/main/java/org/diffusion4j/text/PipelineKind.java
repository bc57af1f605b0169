package org.diffusion4j.text;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The kinds of pipelines: which classes they have in model directories, and diffusers' defaults of
 * their settings.
 */
enum PipelineKind {
  STABLE_DIFFUSION(
      List.of(
          "StableDiffusionPipeline",
          "StableDiffusionImg2ImgPipeline",
          "StableDiffusionInpaintPipeline"),
      new Defaults(50, 7.5, 0.8)),
  STABLE_DIFFUSION_XL(
      List.of("StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"),
      new Defaults(50, 5, 0.3)),
  UPSCALE(List.of("StableDiffusionUpscalePipeline"), new Defaults(75, 9, 1)),
  PIX2PIX(List.of("StableDiffusionInstructPix2PixPipeline"), new Defaults(100, 7.5, 1)),
  LATENT_CONSISTENCY(List.of("LatentConsistencyModelPipeline"), new Defaults(4, 8.5, 0.8)),
  LATENT(List.of("LDMPipeline"), new Defaults(50, 1, 0.8)),
  LATENT_SUPER_RESOLUTION(List.of("LDMSuperResolutionPipeline"), new Defaults(100, 1, 1)),
  /** Ours, of pixels or latents; its directories have the defaults. */
  OWN(List.of("TextToImagePipeline"), new Defaults(50, 7.5, 0.8));

  /** The default of InstructPix2Pix. */
  static final double IMAGE_GUIDANCE = 1.5;

  /** The default of the enlarging pipeline. */
  static final int NOISE_LEVEL = 20;

  /** What is not set by a request. */
  record Defaults(int steps, double guidance, double strength) {}

  private final List<String> classes;
  private final Defaults defaults;

  PipelineKind(List<String> classes, Defaults defaults) {
    this.classes = classes;
    this.defaults = defaults;
  }

  static Optional<PipelineKind> ofClass(Object className) {
    return Arrays.stream(values()).filter(kind -> kind.classes.contains(className)).findAny();
  }

  /** The classes of all kinds. */
  static List<String> allClasses() {
    return Arrays.stream(values()).flatMap(kind -> kind.classes.stream()).toList();
  }

  /** The class that is written where none was read. */
  String mainClass() {
    return classes.get(0);
  }

  Defaults defaults() {
    return defaults;
  }

  /** The folder of the autoencoder. */
  String autoencoderFolder() {
    return isWithoutText() ? "vqvae" : "vae";
  }

  boolean isWithoutText() {
    return this == LATENT || this == LATENT_SUPER_RESOLUTION;
  }

  boolean mustHaveAutoencoder() {
    return this != OWN;
  }

  /** Whether it is made for pictures that are given, and for nothing else. */
  boolean needsImage() {
    return this == UPSCALE || this == PIX2PIX || this == LATENT_SUPER_RESOLUTION;
  }

  /** Whether it can start from pictures. */
  boolean startsFromImages() {
    return this == STABLE_DIFFUSION
        || this == STABLE_DIFFUSION_XL
        || this == LATENT_CONSISTENCY
        || this == OWN;
  }

  /** Whether it can repaint a part of pictures. */
  boolean repaints() {
    return this == STABLE_DIFFUSION || this == OWN;
  }

  /** Whether its samples are decoded from latents that were scaled. */
  boolean scalesLatents() {
    return this != LATENT_SUPER_RESOLUTION;
  }

  /** Whether diffusers changes {@code steps_offset} and {@code clip_sample} when it loads one. */
  boolean forcesSchedulerSettings() {
    return this == STABLE_DIFFUSION;
  }
}
