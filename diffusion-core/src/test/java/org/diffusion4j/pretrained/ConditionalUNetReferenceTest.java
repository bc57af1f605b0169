package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Every conditional U-Net that the reference implementation ran: output, loss and gradients, and
 * the files.
 */
class ConditionalUNetReferenceTest {

  private static final double OUTPUT_TOLERANCE = 2e-5;
  private static final double LOSS_TOLERANCE = 1e-5;

  private static final SchedulerConfig SCHEDULER =
      SchedulerConfig.of(NoiseSchedule.linear(1000), Prediction.EPSILON);

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> outputsAndGradients_areThoseOfTheReference() {
    return ReferenceCases.folders("unet_condition").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("unet_condition")).hasSizeGreaterThan(5);
    }
  }

  private void check(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Path whole = Files.createTempDirectory(temporary, "whole");
    Map<String, Object> shapes =
        json.containsKey("weights_by_formula") ? object(json, "weights_by_formula") : Map.of();
    ReferenceModels.whole(folder, whole, shapes, model -> number(json, "weights_seed"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    try (UNet2DConditionModel stored =
            (UNet2DConditionModel) PretrainedModel.loadNetwork(whole, SCHEDULER);
        UNet2DConditionModel model =
            stored.sharing(ConditionalInputs.config(stored.config(), io))) {
      assertThat(model.weights().values().stream().mapToLong(INDArray::length).sum())
          .isEqualTo(number(json, "parameters"));
      checkFiles(stored, whole);
      checkValues(model, io, json);
    }
  }

  private void checkValues(
      UNet2DConditionModel model, Map<String, INDArray> io, Map<String, Object> json) {
    ConditionalInputs in = ConditionalInputs.of(io, (int) model.sampleShape()[0]);
    INDArray x = in.x();
    INDArray t = in.t();
    Condition condition = in.condition();
    int pictures = in.pictures();
    assertThat(distance(model.predict(x, t, condition), io.get("output")))
        .as("output")
        .isLessThanOrEqualTo(OUTPUT_TOLERANCE);
    List<String> all = new ArrayList<>(model.parameters().keySet());
    all.addAll(List.of("sample", "encoder_hidden_states"));
    if (pictures > 0) {
      all.add("pictures");
    }
    try (Gradients gradients = model.gradients(x, t, condition, io.get("target"), all)) {
      assertThat(gradients.loss())
          .isCloseTo(((Number) json.get("loss")).doubleValue(), within(LOSS_TOLERANCE));
      INDArray bySample = gradients.of().get("sample");
      INDArray byInput =
          pictures == 0 ? bySample : Nd4j.concat(1, bySample, gradients.of().get("pictures"));
      ReferenceGradients.requireSame("x", byInput, io.get("grad_x"));
      ReferenceGradients.requireSame(
          "encoder_hidden_states",
          gradients.of().get("encoder_hidden_states"),
          io.get("grad_encoder_hidden_states"));
      dropFrozen(model, json);
      ReferenceGradients.check(gradients.of(), io, json);
    }
  }

  /** Weights that are not trained have no gradient here, and zeros in the reference. */
  private static void dropFrozen(UNet2DConditionModel model, Map<String, Object> json) {
    Set<String> frozen = new TreeSet<>(model.weights().keySet());
    frozen.removeAll(model.parameters().keySet());
    for (String name : frozen) {
      if (object(json, "grad_sum_l2").remove(name) != null) {
        assertThat((List<?>) json.get("zero_gradient_params")).asList().contains(name);
      }
    }
  }

  /** What is saved is what is loaded, and what was loaded is saved in the same bytes. */
  private void checkFiles(UNet2DConditionModel model, Path original) throws IOException {
    Path first = temporary.resolve(original.getFileName() + "-1");
    Path second = temporary.resolve(original.getFileName() + "-2");
    PretrainedModel.of(model).save(first);
    try (PretrainedModel loaded = PretrainedModel.load(first)) {
      loaded.save(second);
    }
    for (String file : List.of("config.json", "diffusion_pytorch_model.safetensors")) {
      byte[] saved = Files.readAllBytes(first.resolve("unet").resolve(file));
      assertThat(Files.readAllBytes(second.resolve("unet").resolve(file))).isEqualTo(saved);
      if (file.equals("config.json")) {
        Map<String, Object> expected = json(original.resolve(file));
        Map<String, Object> actual = json(first.resolve("unet").resolve(file));
        expected.remove("_diffusers_version");
        actual.remove("_diffusers_version");
        assertThat(actual).isEqualTo(expected);
      }
    }
  }

  private static int number(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).intValue();
  }
}
