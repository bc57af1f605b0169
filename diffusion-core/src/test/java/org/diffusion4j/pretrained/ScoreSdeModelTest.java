package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A small model like NCSN++ in a directory. */
class ScoreSdeModelTest {

  private static final UNetConfig CONFIG =
      UNetConfig.builder(3, 8, 8)
          .blockOutChannels(32, 32)
          .downBlocks(Block.ATTENTION_SKIP, Block.SKIP)
          .layersPerBlock(1)
          .normGroups(null)
          .normEps(1e-6)
          .attentionHeadDim(null)
          .midBlockScale(Math.sqrt(2))
          .timeEmbedding(TimeEmbedding.FOURIER)
          .build();

  @TempDir Path folder;

  @Test
  void directory_isThatOfScoreSdeAndGivesTheModelAgain() throws IOException {
    INDArray x = Nd4j.rand(DataType.FLOAT, 2, 3, 8, 8);
    INDArray t = Nd4j.createFromArray(0.4f, 90f);
    NoiseSchedule schedule = NoiseSchedule.varianceExploding(2000, 0.01, 1348);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    INDArray expected;
    try (UNet model = UNet.create(CONFIG, schedule, Prediction.SCORE, 5)) {
      expected = model.predict(x, t, Condition.none());
      PretrainedModel.of(model).save(first);
    }
    assertThat(Json.read(first.resolve("model_index.json")))
        .containsEntry("_class_name", "ScoreSdeVePipeline")
        .containsEntry("scheduler", List.of("diffusers", "ScoreSdeVeScheduler"));
    try (PretrainedModel loaded = PretrainedModel.load(first)) {
      assertThat(((UNet) loaded.model()).config()).isEqualTo(CONFIG);
      assertThat(loaded.model().prediction()).isEqualTo(Prediction.SCORE);
      assertThat(loaded.model().predict(x, t, Condition.none())).isEqualTo(expected);
      loaded.save(second);
    }
    for (String file : List.of("model_index.json", "unet/config.json")) {
      assertThat(Files.readString(second.resolve(file)))
          .isEqualTo(Files.readString(first.resolve(file)));
    }
    try (PretrainedModel frozen = PretrainedModel.loadFrozen(first)) {
      assertThat(frozen.model().predict(x, t, Condition.none())).isEqualTo(expected);
    }
  }
}
