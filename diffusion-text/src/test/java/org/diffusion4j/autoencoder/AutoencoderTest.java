package org.diffusion4j.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.diffusion4j.reference.ReferenceCases.distance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.internal.nn.Frozen;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class AutoencoderTest {

  private static final AutoencoderKL.Config CONFIG =
      AutoencoderKL.Config.of(AutoencoderBlocks.of(1, 2, 4, List.of(4, 8)), 16);
  private static final AutoencoderKL MODEL = AutoencoderKL.create(CONFIG, 1);

  @AfterAll
  static void close() {
    MODEL.close();
  }

  private static INDArray random(long... shape) {
    return Nd4j.rand(shape).muli(2).subi(1);
  }

  @Test
  void threads_getWhatOneThreadGets() throws Exception {
    List<INDArray> latents = new ArrayList<>();
    List<INDArray> alone = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      // More sizes than are kept.
      latents.add(random(1 + i % 2, 2, 2 + i % 6, 3));
      alone.add(MODEL.decode(latents.get(i)));
    }
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Future<INDArray>> together = new ArrayList<>();
      for (int round = 0; round < 4; round++) {
        latents.forEach(z -> together.add(threads.submit(() -> MODEL.decode(z))));
      }
      for (int i = 0; i < together.size(); i++) {
        assertThat(together.get(i).get()).isEqualTo(alone.get(i % alone.size()));
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void encode_withNoise_drawsFromTheDistribution() {
    INDArray x = random(2, 1, 8, 6);
    assertThat(MODEL.encode(x, Nd4j.zeros(2, 2, 4, 3))).isEqualTo(MODEL.encode(x));
    assertThat(distance(MODEL.encode(x, Nd4j.ones(2, 2, 4, 3)), MODEL.encode(x)))
        .isGreaterThan(0.1);
  }

  @ParameterizedTest
  @CsvSource({"8, 6, 4, 3", "9, 7, 4, 3", "2, 3, 1, 1"})
  void latentShape_isThatOfTheLatents(int height, int width, int latentHeight, int latentWidth) {
    assertThat(MODEL.latentShape(height, width)).containsExactly(2, latentHeight, latentWidth);
    assertThat(MODEL.encode(random(1, 1, height, width)).shape())
        .containsExactly(1, 2, latentHeight, latentWidth);
  }

  @Test
  void tiled_decodesSmallImagesAsAWhole() {
    INDArray z = random(1, 2, 8, 7);
    assertThat(MODEL.tiled().decode(z)).isEqualTo(MODEL.decode(z));
    assertThat(MODEL.tileSize()).isEqualTo(16);
  }

  @Test
  void tiled_withOneTile_isCutAndBlended() {
    INDArray z = random(2, 2, 8, 13);
    try (Autoencoder tiled = MODEL.tiled()) {
      INDArray decoded = tiled.decode(z);
      assertThat(decoded.shape()).containsExactly(2, 1, 16, 26);
      assertThat(distance(decoded, MODEL.decode(z))).isPositive();
    }
    // Closing the one with tiles leaves the other open.
    assertThat(MODEL.decode(z).size(3)).isEqualTo(26);
  }

  @Test
  void otherArrays_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.encode(random(1, 3, 8, 8)))
        .withMessage(
            "images must be FLOAT [n, 1, height, width] of at least 2 x 2 but were FLOAT"
                + " [1, 3, 8, 8]");
    assertThatIllegalArgumentException().isThrownBy(() -> MODEL.encode(random(1, 1, 1, 8)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.decode(random(1, 2, 4, 4).castTo(DataType.DOUBLE)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.encode(random(1, 1, 8, 8), random(1, 2, 4, 5)))
        .withMessage("noise must be FLOAT [1, 2, 4, 4] but was FLOAT [1, 2, 4, 5]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.tiled().encode(random(1, 1, 16, 25)))
        .withMessageContaining("last tile must have a width of at least 2 but has 1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MODEL.latentShape(1, 1))
        .withMessage("height and width must be at least 2 but were 1 x 1");
  }

  @Test
  void closed_refusesCalls() {
    AutoencoderKL closed = AutoencoderKL.create(CONFIG, 1);
    INDArray z = random(1, 2, 2, 2);
    closed.decode(z);
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.decode(z))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the autoencoder is closed");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0, 1, 1, 4|image channels must be at least 1 but were 0",
        "1, 0, 1, 4|latent channels must be at least 1 but were 0",
        "1, 1, 0, 4|norm groups must be at least 1 but were 0",
        "1, 1, 3, 4|block out channels must be multiples of the norm groups, 3, but were [4]",
      })
  void badArchitecture_isRefused(String numbers, String message) {
    int[] n = Arrays.stream(numbers.split(", ")).mapToInt(Integer::parseInt).toArray();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AutoencoderBlocks.of(n[0], n[1], n[2], List.of(n[3])))
        .withMessage(message);
  }

  @Test
  void tooLargeWeights_areRefusedBeforeMemoryIsTaken() {
    AutoencoderBlocks blocks = AutoencoderBlocks.of(3, 4, 32, List.of(32_768, 65_536));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AutoencoderKL.create(AutoencoderKL.Config.of(blocks, 32), 0))
        .withMessageStartingWith("weights must fit into the ");
  }

  @Test
  void load_acceptsOldSettingsAndNames(@TempDir Path folder) throws IOException {
    MODEL.save(folder);
    Path config = folder.resolve("config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(config));
    json.keySet()
        .removeAll(
            List.of(
                "force_upcast",
                "latents_mean",
                "latents_std",
                "mid_block_add_attention",
                "shift_factor",
                "use_quant_conv",
                "use_post_quant_conv",
                "scaling_factor"));
    Json.write(config, json);
    Path weights = folder.resolve("diffusion_pytorch_model.safetensors");
    Map<String, INDArray> old = new TreeMap<>();
    try (Safetensors stored = Safetensors.open(weights)) {
      for (String name : stored.names()) {
        old.put(
            name.replace(".to_q.", ".query.")
                .replace(".to_k.", ".key.")
                .replace(".to_v.", ".value.")
                .replace(".to_out.0.", ".proj_attn."),
            stored.read(name));
      }
    }
    Safetensors.write(weights, old, Map.of());
    INDArray z = random(1, 2, 4, 4);
    try (Autoencoder loaded = Autoencoder.load(folder)) {
      assertThat(loaded.scaling()).isEqualTo(LatentScaling.of(0.18215));
      assertThat(loaded.decode(z)).isEqualTo(MODEL.decode(z));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "act_fn|relu|act_fn must be one of [silu, swish] but was relu",
        "_class_name|UNet2DModel|_class_name must be AutoencoderKL, VQModel or AutoencoderTiny but"
            + " is UNet2DModel",
        "in_channels|three|in_channels must be a whole number but was three",
        "scaling_factor|many|scaling_factor must be a finite number but was many",
        "down_block_types|AttnDownBlock2D|down_block_types must be a list of block classes but was"
            + " AttnDownBlock2D",
      })
  void load_namesBadSettings(String key, String value, String message, @TempDir Path folder)
      throws IOException {
    MODEL.save(folder);
    Path config = folder.resolve("config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(config));
    json.put(key, value);
    Json.write(config, json);
    assertThatThrownBy(() -> Autoencoder.load(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining(message);
  }

  @Test
  void load_namesMissingAndOtherWeights(@TempDir Path folder) throws IOException {
    MODEL.save(folder);
    Path config = folder.resolve("config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(config));
    json.put("latent_channels", 3);
    Json.write(config, json);
    assertThatThrownBy(() -> AutoencoderKL.load(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("weights must fit the configuration but encoder.conv_out.weight");
    assertThatThrownBy(() -> VQModel.load(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("must be VQModel but is AutoencoderKL");
    Files.delete(folder.resolve("diffusion_pytorch_model.safetensors"));
    Files.write(folder.resolve("diffusion_pytorch_model.bin"), new byte[10]);
    assertThatThrownBy(() -> AutoencoderKL.load(folder))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("pickles are not read");
  }

  @Test
  void frozen_computesTheSame(@TempDir Path folder) throws IOException {
    MODEL.save(folder);
    INDArray x = random(2, 1, 8, 6);
    INDArray z = random(1, 2, 8, 13);
    try (Autoencoder frozen = Autoencoder.loadFrozen(folder)) {
      assertThat(frozen.encode(x)).isEqualTo(MODEL.encode(x));
      assertThat(frozen.decode(z)).isEqualTo(MODEL.decode(z));
      assertThat(frozen.tiled().decode(z)).isEqualTo(MODEL.tiled().decode(z));
      if (Frozen.isPossible()) {
        assertThatThrownBy(() -> frozen.save(folder))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("this one was loaded frozen");
      }
    }
  }

  @Test
  void scaling_ofAVqModel_isPositive() {
    AutoencoderBlocks blocks = AutoencoderBlocks.of(1, 2, 4, List.of(4, 8));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new VQModel.Config(blocks, 16, 8, null, Double.NaN, false))
        .withMessage("scaling factor must be positive and finite but was NaN");
  }

  @Test
  void scaling_isInverted() {
    INDArray z = random(2, 2, 3, 3);
    for (LatentScaling scaling :
        List.of(
            LatentScaling.NONE,
            LatentScaling.of(0.13025),
            new LatentScaling(0.3611, 0.1159, null, null),
            new LatentScaling(0.5, null, List.of(0.1, -2.0), List.of(2.0, 3.0)))) {
      assertThat(distance(scaling.unscaled(scaling.scaled(z)), z)).isLessThan(1e-6);
    }
    INDArray scaled = new LatentScaling(0.5, 0.25, null, null).scaled(z);
    assertThat(distance(scaled, z.sub(0.25).mul(0.5))).isLessThan(1e-7);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LatentScaling.of(0))
        .withMessage("scaling factor must be positive and finite but was 0.0");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LatentScaling(1, null, List.of(1.0), null));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> CONFIG.withScaling(new LatentScaling(1, null, List.of(1.0), List.of(1.0))));
  }
}
