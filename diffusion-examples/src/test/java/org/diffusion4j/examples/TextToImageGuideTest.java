package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.text.ClipTextEncoder;
import org.diffusion4j.text.ClipTextModel;
import org.diffusion4j.text.ClipTokenizer;
import org.diffusion4j.text.TextToImage;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code in the guide to text-to-image models compiles and runs as it stands there. */
class TextToImageGuideTest {

  private static final Path TOKENIZER =
      Path.of(
          "..", "diffusion-text/src/test/resources/reference/text_pipelines/models/sd1/tokenizer");

  @TempDir Path directory;

  @Test
  void snippets_run() throws Exception {
    List<String> blocks = Snippets.of(Path.of("..", "docs", "text-to-image.md"));
    assertThat(blocks).hasSizeGreaterThan(4);
    ClipTokenizer tokenizer = ClipTokenizer.read(TOKENIZER);
    ClipTextModel.Config text =
        ClipTextModel.Config.of(tokenizer.vocabularySize(), tokenizer.maxLength(), 8, 1, 2);
    UNet2DConditionModel.Config network =
        UNet2DConditionModel.Config.of(3, 8, 8, 8, 8, 16).withTokens(tokenizer.maxLength());
    try (TextToImage model =
            TextToImage.builder(
                    UNet2DConditionModel.create(
                        network, NoiseSchedule.cosine(100), Prediction.VELOCITY, 1),
                    ClipTextEncoder.of(tokenizer, ClipTextModel.create(text, 2)))
                .defaults(3, 2)
                .build();
        Snippets program = Snippets.compile(blocks, "TextToImage model", directory)) {
      for (int i = 0; i < blocks.size(); i++) {
        program.run(i, TextToImage.class, model);
      }
    }
    assertThat(directory.resolve("cat.png")).exists();
    assertThat(directory.resolve("own/model_index.json")).exists();
  }
}
