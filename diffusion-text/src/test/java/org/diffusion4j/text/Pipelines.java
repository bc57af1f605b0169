package org.diffusion4j.text;

import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.unet.UNet2DConditionModel;

/** Small text-to-image models. */
final class Pipelines {

  /** The copies among the test resources, also if the cases are others. */
  static final Path MODELS = Path.of("src/test/resources/reference/text_pipelines/models");

  private Pipelines() {}

  /**
   * A copy of a model with all weight files.
   *
   * @param into an existing folder, in which the copy is made
   */
  static Path whole(Path folder, Path into) throws IOException {
    Path copy = Files.createTempDirectory(into, folder.getFileName().toString());
    Map<String, Object> weights = json(folder.resolve("weights.json"));
    Map<String, Object> shapes = object(weights, "weights_by_formula");
    Map<String, Object> seeds = object(weights, "weights_seeds");
    return ReferenceModels.whole(
        folder,
        copy,
        shapes == null ? Map.of() : shapes,
        part -> ((Number) seeds.get(part)).intValue());
  }

  /** A model of ours, of pixels, with random weights: 3 x 8 x 8. */
  static TextToImage ofPixels() throws IOException {
    ClipTokenizer tokenizer = ClipTokenizer.read(MODELS.resolve("sd1/tokenizer"));
    ClipTextModel.Config text =
        ClipTextModel.Config.of(tokenizer.vocabularySize(), tokenizer.maxLength(), 8, 1, 2);
    UNet2DConditionModel.Config network =
        UNet2DConditionModel.Config.of(3, 8, 8, 8, 8, 16).withTokens(tokenizer.maxLength());
    return TextToImage.builder(
            UNet2DConditionModel.create(network, NoiseSchedule.cosine(100), Prediction.VELOCITY, 1),
            ClipTextEncoder.of(tokenizer, ClipTextModel.create(text, 2)))
        .defaults(3, 2)
        .build();
  }
}
