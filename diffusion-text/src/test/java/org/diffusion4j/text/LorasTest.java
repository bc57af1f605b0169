package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class LorasTest {

  private static final String FC1 = "text_model.encoder.layers.0.mlp.fc1";

  @TempDir Path folder;

  private final UNet2DConditionModel unet = TextModels.tinyUNet(1);
  private final ClipTextModel text = TextModels.tinyText(2);
  private final Map<String, INDArray> tensors = new LinkedHashMap<>();

  @AfterEach
  void close() {
    unet.close();
    text.close();
  }

  @Test
  void put_addsTheScaledProduct() throws IOException {
    dense("text_encoder." + FC1, 8, 32);
    INDArray before = weight(FC1).dup();
    try (Loras loras = Loras.of(unet, text)) {
      loras.put("a", lora(), 0.5);
      loras.put("b", lora(), 2);
      assertThat(loras.scales()).containsExactly(Map.entry("a", 0.5), Map.entry("b", 2.0));
      INDArray change =
          tensors
              .get("text_encoder." + FC1 + ".lora_B.weight")
              .mmul(tensors.get("text_encoder." + FC1 + ".lora_A.weight"))
              .transpose();
      INDArray expected = before.add(change.mul(2.5));
      assertThat(weight(FC1).sub(expected).amaxNumber().doubleValue()).isLessThan(1e-5);
      loras.remove("b");
      loras.put("a", lora(), 0);
      assertThat(weight(FC1)).isEqualTo(before);
      loras.put("a", lora(), 1);
    }
    assertThat(weight(FC1)).isEqualTo(before);
  }

  @Test
  void put_convolution_hasTheKernelOfTheLayer() throws IOException {
    random("unet.conv_in.lora_A.weight", 2, 3, 3, 3);
    random("unet.conv_in.lora_B.weight", 8, 2, 1, 1);
    INDArray weight = unet.weights().get("conv_in.weight");
    INDArray before = weight.dup();
    try (Loras loras = Loras.of(unet)) {
      loras.put("a", lora(), 1);
      INDArray down = tensors.get("unet.conv_in.lora_A.weight");
      INDArray up = tensors.get("unet.conv_in.lora_B.weight");
      double expected = 0;
      for (int r = 0; r < 2; r++) {
        expected += up.getDouble(5, r, 0, 0) * down.getDouble(r, 1, 2, 0);
      }
      // [kernel, kernel, in, out]
      assertThat(weight.getDouble(2, 0, 1, 5) - before.getDouble(2, 0, 1, 5))
          .isCloseTo(expected, within(1e-5));
    }
    assertThat(weight).isEqualTo(before);
  }

  @Test
  void put_intoAWholeModel_reachesNetworksOfOtherSizes() throws IOException {
    ClipTokenizer tokenizer = TextModels.tokenizer();
    TextToImage model = TextToImage.builder(unet, ClipTextEncoder.of(tokenizer, text)).build();
    ImageRequest request = ImageRequest.builder("a dog").seed(1).steps(2).size(8, 8).build();
    random("unet.conv_in.lora_A.weight", 2, 3, 3, 3);
    random("unet.conv_in.lora_B.weight", 8, 2, 1, 1);
    INDArray before = model.values(request);
    try (Loras loras = Loras.of(model)) {
      loras.put("a", lora(), 1);
      assertThat(model.values(request)).isNotEqualTo(before);
    }
    assertThat(model.values(request)).isEqualTo(before);
    model.close();
  }

  @Test
  void put_withinAWorkspace_keepsCopiesOutsideOfIt() throws IOException {
    dense("text_encoder." + FC1, 8, 32);
    Lora lora = lora();
    INDArray before = weight(FC1).dup();
    try (Loras loras = Loras.of(unet, text)) {
      try (MemoryWorkspace workspace =
          Nd4j.getWorkspaceManager().getAndActivateWorkspace("LorasTest")) {
        loras.put("a", lora, 1);
      }
      try (MemoryWorkspace workspace =
          Nd4j.getWorkspaceManager().getAndActivateWorkspace("LorasTest")) {
        Nd4j.valueArrayOf(new long[] {1000}, 7f, DataType.FLOAT);
      }
      assertThat(weight(FC1)).isNotEqualTo(before);
    }
    assertThat(weight(FC1)).isEqualTo(before);
  }

  @Test
  void put_twoLayersForOneWeight_areRefused() throws IOException {
    dense("text_encoder." + FC1, 8, 32);
    random("lora_te_" + FC1.replace('.', '_') + ".lora_down.weight", 2, 8);
    random("lora_te_" + FC1.replace('.', '_') + ".lora_up.weight", 32, 2);
    try (Loras loras = Loras.of(unet, text)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> loras.put("x", lora(), 1))
          .withMessage("LoRA x must fit the model but " + FC1 + ".weight has two layers");
    }
  }

  @Test
  void load_alphasOfTheMetadata_scale() throws IOException {
    dense("text_encoder." + FC1, 8, 32);
    Lora plain = lora();
    Path file = folder.resolve("with.safetensors");
    String json =
        "{\"text_encoder.lora_alpha\": 4, \"text_encoder.alpha_pattern\": {\"mlp.fc1\": 1}}";
    Safetensors.write(file, tensors, Map.of("lora_adapter_metadata", json));
    try (Loras loras = Loras.of(unet, text)) {
      INDArray before = weight(FC1).dup();
      loras.put("a", plain, 0.5);
      INDArray half = weight(FC1).dup();
      loras.put("a", Lora.load(file), 1);
      assertThat(weight(FC1)).isEqualTo(half).isNotEqualTo(before);
    }
    Safetensors.write(
        file, tensors, Map.of("lora_adapter_metadata", "{\"text_encoder.use_dora\": true}"));
    assertThatThrownBy(() -> Lora.load(file)).hasMessageContaining("use_dora must be false");
  }

  @Test
  void put_whatDoesNotFit_isNamedAndChangesNothing() throws IOException {
    dense("unet.nowhere.to_q", 8, 8);
    dense("text_encoder." + FC1, 8, 31);
    dense("text_encoder_2." + FC1, 8, 32);
    dense("text_encoder.text_model.encoder.layers.0.mlp.fc2", 32, 8);
    String fc2 = "text_model.encoder.layers.0.mlp.fc2";
    INDArray before = weight(fc2).dup();
    try (Loras loras = Loras.of(unet, text)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> loras.put("x", lora(), 1))
          .withMessage(
              "LoRA x must fit the model but "
                  + FC1
                  + ".weight must be [32, 8] but the change is [31, 8]; the model has no"
                  + " text_encoder_2, for 1 layers; unet has no layer nowhere.to_q");
      assertThat(loras.scales()).isEmpty();
      assertThat(weight(fc2)).isEqualTo(before);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> loras.remove("x"))
          .withMessage("LoRA must be one of [] but was x");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> loras.put("x", lora(), Double.NaN))
          .withMessage("scale must be finite but was NaN");
    }
  }

  @Test
  void load_damagedFiles_areNamed() throws IOException {
    assertRefused("must be those of a LoRA as peft");
    random("unet.conv_in.hada_w1_a", 2, 2);
    assertRefused("but are unet.conv_in.hada_w1_a");
    tensors.clear();
    random("unet.x.lora_A.weight", 2, 2);
    assertRefused("layer x must have a matrix up");
    random("unet.x.lora_B.weight", 2, 3);
    assertRefused("layer x: up must be [out, rank] and down [rank, in, ...] but were [2, 3]");
    random("unet.x.lora_B.weight", 2, 2);
    random("lora_unet_x.lora_up.weight", 2, 2);
    assertRefused("must not be the same as");
    tensors.clear();
    dense("unet.x", 2, 2);
    tensors.get("unet.x.lora_A.weight").putScalar(0, Double.NaN);
    assertRefused("layer x: values must be finite but one is not");
    tensors.put("unet.x.lora_A.weight", Nd4j.zeros(DataType.INT, 2, 2));
    assertRefused("unet.x.lora_A.weight must be of floats but is I32");

    Path pickle = Files.createFile(folder.resolve("pytorch_lora_weights.bin"));
    assertThatThrownBy(() -> Lora.load(pickle))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageEndingWith("pickles (.bin, .pt, .ckpt) are never read");
    assertThatThrownBy(() -> Lora.load(Files.createDirectory(folder.resolve("empty"))))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("pytorch_lora_weights.safetensors");
  }

  private void assertRefused(String message) throws IOException {
    Path file = folder.resolve("lora.safetensors");
    Safetensors.write(file, tensors, Map.of());
    assertThatThrownBy(() -> Lora.load(file))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message);
  }

  @Test
  void load_rankAboveTheSmallerSideOfALayer_isRefused() throws IOException {
    String linear = "text_encoder." + FC1 + ".lora_A.weight";
    random(linear, 8, 8);
    random("text_encoder." + FC1 + ".lora_B.weight", 32, 8);
    String convolution = "unet.conv_in.lora_A.weight";
    random(convolution, 5, 4, 3, 3);
    random("unet.conv_in.lora_B.weight", 5, 5, 1, 1);
    assertThat(lora().layers()).isEqualTo(2);

    tensors.remove(linear);
    random(linear, 9, 8);
    assertThatThrownBy(this::lora)
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(
            "lora.safetensors: "
                + linear
                + " must have at most the rank 8, the smaller side of its"
                + " layer, but has 9");
    tensors.remove(linear);
    random(linear, 8, 8);
    random(convolution, 6, 4, 3, 3);
    assertThatThrownBy(this::lora)
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(convolution + " must have at most the rank 5")
        .hasMessageContaining("but has 6");
  }

  private Lora lora() throws IOException {
    Path file = folder.resolve("lora.safetensors");
    Safetensors.write(file, tensors, Map.of());
    return Lora.load(file);
  }

  private void dense(String layer, int in, int out) {
    random(layer + ".lora_A.weight", 2, in);
    random(layer + ".lora_B.weight", out, 2);
  }

  private void random(String name, long... shape) {
    tensors.put(name, Nd4j.randn(DataType.FLOAT, shape));
  }

  private INDArray weight(String module) {
    return text.weights().get(module + ".weight");
  }
}
