package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.ConditionalInputs;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every U-Net of the reference cases: ONNX Runtime on the exported file agrees with the plan. */
class OnnxReferenceTest {

  private static final double TOLERANCE = 1e-5;

  private static final SchedulerConfig SCHEDULER =
      SchedulerConfig.of(NoiseSchedule.linear(1000), Prediction.EPSILON);

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> exportedUNets_predictWhatPlansPredict() {
    return cases("unet", this::checkPlain);
  }

  @TestFactory
  Stream<DynamicTest> exportedConditionalUNets_predictWhatPlansPredict() {
    return cases("unet_condition", this::checkConditional);
  }

  @Test
  void casesOfCore_areFound() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(folders("unet")).hasSizeGreaterThan(10);
      assertThat(folders("unet_condition")).hasSizeGreaterThan(5);
    }
  }

  private interface Check {
    void of(Path folder) throws IOException;
  }

  private static Stream<DynamicTest> cases(String kind, Check check) {
    return folders(kind).stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check.of(folder)));
  }

  /** The cases are those of diffusion-core, unless {@code reference.dir} names others. */
  private static List<Path> folders(String kind) {
    if (System.getProperty("reference.dir") != null) {
      return ReferenceCases.folders(kind);
    }
    Path core = Path.of("..", "diffusion-core", "src", "test", "resources", "reference", kind);
    try (Stream<Path> folders = Files.list(core)) {
      return folders.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void checkPlain(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    INDArray labels = io.get("class_labels");
    Condition condition =
        labels == null ? Condition.none() : Condition.labels(labels.toIntVector());
    try (SameDiffDenoiser model =
        ReferenceModels.load(
            folder,
            number(json, "weights_seed"),
            NoiseSchedule.linear(1000),
            Prediction.EPSILON,
            number(json, "height"),
            number(json, "width"))) {
      check(model, io.get("x"), io.get("t"), condition);
    }
  }

  private void checkConditional(Path folder) throws IOException {
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
      ConditionalInputs in = ConditionalInputs.of(io, (int) model.sampleShape()[0]);
      check(model, in.x(), in.t(), in.condition());
    }
  }

  private void check(SameDiffDenoiser model, INDArray x, INDArray times, Condition condition)
      throws IOException {
    INDArray t = times.castTo(DataType.FLOAT);
    if (t.length() == 1) {
      t = Nd4j.valueArrayOf(new long[] {x.size(0)}, t.getDouble(0), DataType.FLOAT);
    }
    Path file = temporary.resolve("model.onnx");
    OnnxExport.of(model).write(file);
    try (OnnxDenoiser exported = OneThread.load(file)) {
      assertThat(exported.sampleShape()).isEqualTo(model.sampleShape());
      assertThat(exported.takes()).isEqualTo(model.takes());
      assertThat(exported.learnsVariance()).isEqualTo(model.learnsVariance());
      assertThat(distance(exported.predict(x, t, condition), model.predict(x, t, condition)))
          .isLessThanOrEqualTo(TOLERANCE);
    }
  }

  private static int number(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).intValue();
  }
}
