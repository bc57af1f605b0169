package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.text.TextToImage;

/**
 * The model of emoji that comes with the examples. It was trained with them on Noto Emoji,
 * Copyright Google Inc., Apache License 2.0.
 */
final class Emoji {

  /** The name of the model, accepted instead of a directory. */
  static final String NAME = "emoji";

  private static final BundledModel MODEL =
      new BundledModel(
          NAME,
          List.of(
              "model_index.json",
              "provenance.json",
              "scheduler/scheduler_config.json",
              "text_encoder/config.json",
              "text_encoder/model.safetensors",
              "tokenizer/merges.txt",
              "tokenizer/tokenizer_config.json",
              "tokenizer/vocab.json",
              "unet/config.json",
              "unet/diffusion_pytorch_model.safetensors"));

  private Emoji() {}

  /** Loads the model of a directory, or this model by its name. The caller closes it. */
  static TextToImage orModel(Path directory) throws IOException {
    return MODEL.orModel(directory, TextToImage::load);
  }
}
