package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every U-Net that the reference implementation ran: output, loss and gradients. */
class UNetReferenceTest {

  private static final double OUTPUT_TOLERANCE = 2e-5;
  private static final double LOSS_TOLERANCE = 1e-5;

  @TestFactory
  Stream<DynamicTest> outputsAndGradients_areThoseOfTheReference() {
    return ReferenceCases.folders("unet").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("unet")).hasSizeGreaterThan(10);
    }
  }

  private static void check(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    try (UNet model =
        ReferenceModels.load(
            folder,
            number(json, "weights_seed"),
            NoiseSchedule.linear(1000),
            Prediction.EPSILON,
            number(json, "height"),
            number(json, "width"))) {
      assertThat(model.weights().values().stream().mapToLong(INDArray::length).sum())
          .isEqualTo(number(json, "parameters"));
      requireSameBytes(folder.resolve("config.json"), model);
      INDArray x = io.get("x");
      INDArray t = io.get("t").castTo(DataType.FLOAT);
      if (t.length() == 1) {
        t = Nd4j.valueArrayOf(new long[] {x.size(0)}, t.getDouble(0), DataType.FLOAT);
      }
      Condition condition =
          io.containsKey("class_labels")
              ? Condition.labels(io.get("class_labels").toIntVector())
              : Condition.none();
      assertThat(distance(model.predict(x, t, condition), io.get("output")))
          .as("output")
          .isLessThanOrEqualTo(OUTPUT_TOLERANCE);

      List<String> all = new ArrayList<>(model.parameters().keySet());
      all.add("sample");
      try (Gradients gradients = model.gradients(x, t, condition, io.get("target"), all)) {
        assertThat(gradients.loss())
            .isCloseTo(((Number) json.get("loss")).doubleValue(), within(LOSS_TOLERANCE));
        ReferenceGradients.requireSame("x", gradients.of().get("sample"), io.get("grad_x"));
        ReferenceGradients.check(gradients.of(), io, json);
      }
    }
  }

  /** The configuration that was read is written in the same bytes. */
  private static void requireSameBytes(Path config, UNet model) throws IOException {
    Map<String, Object> written = new TreeMap<>(model.config().toJson());
    for (String name : List.of("_class_name", "_diffusers_version")) {
      written.put(name, json(config).get(name));
    }
    assertThat(Json.format(written)).isEqualTo(Files.readString(config));
  }

  private static int number(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).intValue();
  }
}
