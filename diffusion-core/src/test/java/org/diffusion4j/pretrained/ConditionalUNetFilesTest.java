package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.diffusion4j.unet.UNet2DConditionModel.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Directories of conditional U-Nets. */
class ConditionalUNetFilesTest {

  private static final Config CONFIG =
      Config.of(2, 8, 8, 6, 4, 8).withLayersPerBlock(1).withTokens(3).withTokenMask(true);
  private static final SchedulerConfig SCHEDULER =
      SchedulerConfig.of(NoiseSchedule.cosine(100), Prediction.VELOCITY);

  @TempDir private Path directory;

  private UNet2DConditionModel saved(Path to) throws IOException {
    UNet2DConditionModel model = (UNet2DConditionModel) CONFIG.create(SCHEDULER, 7);
    PretrainedModel.of(model).save(to);
    return model;
  }

  private static INDArray predict(SameDiffDenoiser model, int height, int width, int tokens) {
    return model.predict(
        Nd4j.linspace(DataType.FLOAT, -1, 0.01, 2L * 2 * height * width)
            .reshape(2, 2, height, width),
        Nd4j.createFromArray(3f, 90f),
        Condition.embeddings(
            Nd4j.linspace(DataType.FLOAT, 1, -0.02, 2L * tokens * 6).reshape(2, tokens, 6)));
  }

  @Test
  void save_keepsTokensAndMask_andLoadsAsAPipelineOfThisLibrary() throws IOException {
    Path whole = directory.resolve("model");
    try (UNet2DConditionModel model = saved(whole);
        PretrainedModel loaded = PretrainedModel.load(whole)) {
      assertThat(loaded.model().config()).isEqualTo(CONFIG);
      assertThat(loaded.model().prediction()).isEqualTo(Prediction.VELOCITY);
      assertThat(predict(loaded.model(), 8, 8, 3)).isEqualTo(predict(model, 8, 8, 3));
      Map<String, Object> index = new TreeMap<>(Json.read(whole.resolve("model_index.json")));
      assertThat(index)
          .containsEntry("_class_name", "UNet2DConditionPipeline")
          .containsEntry("unet", List.of("diffusers", "UNet2DConditionModel"));
    }
  }

  @Test
  void frozenNetwork_ofAnySize_predictsTheSame() throws IOException {
    Path whole = directory.resolve("model");
    try (UNet2DConditionModel model = saved(whole);
        UNet2DConditionModel expected = model.resized(5, 6, 4);
        UNet2DConditionModel frozen =
            (UNet2DConditionModel)
                PretrainedModel.loadFrozenNetwork(whole.resolve("unet"), SCHEDULER);
        UNet2DConditionModel resized = frozen.resized(5, 6, 4)) {
      assertThat(predict(frozen, 8, 8, 3)).isEqualTo(predict(model, 8, 8, 3));
      assertThat(predict(resized, 5, 6, 4)).isEqualTo(predict(expected, 5, 6, 4));
      resized.close();
      assertThat(predict(frozen, 8, 8, 3)).isEqualTo(predict(model, 8, 8, 3));
      assertThatIllegalStateException().isThrownBy(resized::parameters);
    }
  }

  @Test
  void load_ofAPipelineWithATextEncoder_saysWhatReadsIt() throws IOException {
    Path whole = directory.resolve("model");
    saved(whole).close();
    Map<String, Object> index = new TreeMap<>(Json.read(whole.resolve("model_index.json")));
    index.put("_class_name", "StableDiffusionPipeline");
    index.put("text_encoder", List.of("transformers", "CLIPTextModel"));
    Json.write(whole.resolve("model_index.json"), index);
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> PretrainedModel.load(whole))
        .withMessageContaining("is StableDiffusionPipeline; TextToImage of diffusion-text reads");
  }

  @Test
  void loadNetwork_ofAClassThatIsNotKnown_namesTheKnownOnes() throws IOException {
    Path whole = directory.resolve("model");
    saved(whole).close();
    Path file = whole.resolve("unet").resolve("config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(file));
    json.put("_class_name", "UNet3DConditionModel");
    Json.write(file, json);
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> PretrainedModel.loadNetwork(file.getParent(), SCHEDULER))
        .withMessageContaining("UNet2DConditionModel")
        .withMessageContaining("but is UNet3DConditionModel");
    json.put("_class_name", "UNet2DConditionModel");
    json.put("dual_cross_attention", true);
    Json.write(file, json);
    assertThatExceptionOfType(ModelFormatException.class)
        .isThrownBy(() -> PretrainedModel.loadNetwork(file.getParent(), SCHEDULER))
        .withMessageContaining("dual_cross_attention must be false but was true");
    assertThat(Files.exists(file)).isTrue();
  }
}
