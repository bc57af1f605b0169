package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
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
import org.nd4j.linalg.indexing.NDArrayIndex;

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
    INDArray x = io.get("x");
    try (UNet2DConditionModel stored =
            (UNet2DConditionModel) PretrainedModel.loadNetwork(whole, SCHEDULER);
        UNet2DConditionModel model = stored.sharing(config(stored.config(), io))) {
      int channels = (int) model.sampleShape()[0];
      int pictures = (int) x.size(1) - channels;
      Condition condition = condition(io);
      if (pictures > 0) {
        condition =
            Condition.several(
                condition, Condition.pictures(channels(x, channels, channels + pictures)));
      }
      check(model, channels(x, 0, channels), io.get("t"), condition);
    }
  }

  /** The architecture for a case's sizes and inputs. */
  private static UNet2DConditionModel.Config config(
      UNet2DConditionModel.Config config, Map<String, INDArray> io) {
    INDArray x = io.get("x");
    return config
        .withSize((int) x.size(2), (int) x.size(3))
        .withTokens((int) io.get("encoder_hidden_states").size(1))
        .withTokenMask(io.containsKey("encoder_attention_mask"))
        .withResiduals(io.containsKey("mid_residual"));
  }

  private static INDArray channels(INDArray images, int from, int to) {
    return images.get(NDArrayIndex.all(), NDArrayIndex.interval(from, to)).dup('c');
  }

  private static Condition condition(Map<String, INDArray> io) {
    List<Condition> parts = new ArrayList<>();
    INDArray mask = io.get("encoder_attention_mask");
    parts.add(
        Condition.embeddings(
            io.get("encoder_hidden_states"),
            mask == null ? null : mask.castTo(DataType.FLOAT),
            io.get("text_embeds")));
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    io.forEach(
        (name, array) -> {
          if (Set.of("time_ids", "timestep_cond", "mid_residual").contains(name)
              || name.startsWith("down_residual.")) {
            inputs.put(name, array);
          }
        });
    INDArray labels = io.get("class_labels");
    if (labels != null && labels.rank() == 2) {
      inputs.put("class_labels", labels);
    } else if (labels != null) {
      parts.add(Condition.labels(labels.toIntVector()));
    }
    if (!inputs.isEmpty()) {
      parts.add(Condition.inputs(inputs));
    }
    return Condition.several(parts);
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
