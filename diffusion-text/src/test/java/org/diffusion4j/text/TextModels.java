package org.diffusion4j.text;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.ModelWeights;
import org.diffusion4j.internal.files.WeightLayout;
import org.diffusion4j.unet.UNet2DConditionModel;

/** Text-conditioned models of tests. */
public final class TextModels {

  /** The number of tokens and of ids of {@link #tokenizer}. */
  static final int TOKENS = 77;

  static final int VOCABULARY = 1002;

  private TextModels() {}

  /** A U-Net from its folder, which predicts noise. */
  static UNet2DConditionModel unet(Path folder, NoiseSchedule schedule) throws IOException {
    return unet(folder, schedule, Prediction.EPSILON);
  }

  /** A U-Net from its folder. */
  public static UNet2DConditionModel unet(
      Path folder, NoiseSchedule schedule, Prediction prediction) throws IOException {
    UNet2DConditionModel.Config config =
        UNet2DConditionModel.Config.fromJson(
            Json.read(folder.resolve(DiffusersFormat.CONFIG)), warning -> {});
    UNet2DConditionModel unet = config.create(schedule, prediction, 0);
    ModelWeights.find(
            config.weightShapes(), WeightLayout.TORCH, folder, DiffusersFormat.WEIGHTS_NAME)
        .load(unet.weights());
    unet.weightsChanged();
    return unet;
  }

  /** A U-Net with random weights, for pictures of 4 x 4 pixels. */
  static UNet2DConditionModel tinyUNet(long seed) {
    return UNet2DConditionModel.Config.of(3, 4, 4, 8, 8, 16)
        .withNormGroups(4)
        .withLayersPerBlock(1)
        .withHeads(2)
        .withTokens(TOKENS)
        .create(NoiseSchedule.linear(100), Prediction.EPSILON, seed);
  }

  /** A text encoder with random weights. */
  static ClipTextModel tinyText(long seed) {
    return ClipTextModel.create(ClipTextModel.Config.of(VOCABULARY, TOKENS, 8, 1, 2), seed);
  }

  static ClipTokenizer tokenizer() {
    try {
      return ClipTokenizer.read(ClipTokenizerTest.TINY);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
