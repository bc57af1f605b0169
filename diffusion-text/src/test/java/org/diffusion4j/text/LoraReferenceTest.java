package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every LoRA that the reference implementation put into a model. */
class LoraReferenceTest {

  private static final double TOLERANCE = 2e-5;

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> outputs_areThoseOfTheReference() {
    return ReferenceCases.folders("lora").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("lora")).hasSize(5);
    }
  }

  private void check(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    Path whole = whole(folder, json);
    boolean withText = Files.isDirectory(whole.resolve("text_encoder"));
    Lora lora = Lora.load(whole);
    assertThat(lora.layers()).isEqualTo(((Number) json.get("layers")).intValue());
    double scale = ((Number) json.get("scale")).doubleValue();
    try (UNet2DConditionModel unet = TextModels.unet(whole.resolve("unet"), schedule());
        ClipTextModel text = withText ? ClipTextModel.load(whole.resolve("text_encoder")) : null) {
      Map<String, INDArray> before = copies(unet.weights());
      try (Loras loras = withText ? Loras.of(unet, text) : Loras.of(unet)) {
        checkOutputs(unet, text, io, "_without");
        loras.put("a", lora, scale);
        checkOutputs(unet, text, io, "");
        Path saved = temporary.resolve(folder.getFileName() + ".safetensors");
        lora.save(saved);
        loras.put("a", Lora.load(saved), scale);
        checkOutputs(unet, text, io, "");
        loras.put("half", lora, scale / 2);
        loras.put("a", lora, scale / 2);
        checkOutputs(unet, text, io, "");
        loras.remove("half");
        loras.remove("a");
        assertThat(loras.scales()).isEmpty();
        checkOutputs(unet, text, io, "_without");
      }
      unet.weights().forEach((name, weight) -> assertThat(weight).isEqualTo(before.get(name)));
    }
  }

  private Path whole(Path folder, Map<String, Object> json) throws IOException {
    Path copy = Files.createDirectory(temporary.resolve(folder.getFileName().toString()));
    Map<String, Object> shapes = object(json, "weights_by_formula");
    Map<String, Object> seeds = object(json, "weights_seeds");
    return ReferenceModels.whole(
        folder,
        copy,
        shapes == null ? Map.of() : shapes,
        part -> ((Number) seeds.get(part)).intValue());
  }

  private static NoiseSchedule schedule() {
    return NoiseSchedule.linear(1000);
  }

  private static Map<String, INDArray> copies(Map<String, INDArray> weights) {
    Map<String, INDArray> copies = new LinkedHashMap<>();
    weights.forEach((name, weight) -> copies.put(name, weight.dup()));
    return copies;
  }

  private static void checkOutputs(
      UNet2DConditionModel unet, ClipTextModel text, Map<String, INDArray> io, String suffix) {
    INDArray x = io.get("x");
    try (INDArray t = io.get("t").castTo(DataType.FLOAT);
        INDArray output =
            unet.predict(x, t, Condition.embeddings(io.get("encoder_hidden_states")))) {
      INDArray expected = io.get("output" + suffix);
      // Large changes amplify rounding: plans and sessions differ by as much.
      assertThat(distance(output, expected))
          .as("output" + suffix)
          .isLessThanOrEqualTo(TOLERANCE * Math.max(1, expected.amaxNumber().doubleValue()));
    }
    if (text != null) {
      int[][] ids = io.get("input_ids").toIntMatrix();
      try (Condition.Embeddings states = text.outputs(ids, null, 0, true)) {
        assertThat(distance(states.tokens(), io.get("last_hidden_state" + suffix)))
            .as("last_hidden_state" + suffix)
            .isLessThanOrEqualTo(TOLERANCE);
      }
    }
  }
}
