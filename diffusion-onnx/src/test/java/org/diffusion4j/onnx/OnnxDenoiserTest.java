package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import onnx.Onnx.TensorProto.DataType;
import org.assertj.core.api.AbstractThrowableAssert;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.samplers.Samplers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Files from elsewhere, and wrong ones. */
class OnnxDenoiserTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(100);

  @TempDir Path folder;

  /** x + t, where t is one INT64 number, as exports of diffusers have it. */
  private Path sum() throws IOException {
    return new ForeignFile()
        .input("latent", DataType.FLOAT, -1, 4, -1, -1)
        .input("step", DataType.INT64)
        .node("Cast", "t", List.of("step"), Attributes.of("to", 1))
        .node("Add", "out_sample", List.of("latent", "t"))
        .output("out_sample", -1, 4, -1, -1)
        .write(folder.resolve("sum.onnx"));
  }

  private static OnnxDenoiser.Builder builder(Path file) {
    return OnnxDenoiser.builder(file)
        .schedule(SCHEDULE)
        .named("sample", "latent")
        .named("timestep", "step");
  }

  @Test
  void foreignFile_withStatedNames_isADenoiser() throws IOException, OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OnnxDenoiser model =
          builder(sum())
              .prediction(Prediction.SAMPLE)
              .sampleShape(4, 2, 2)
              .options(options)
              .load()) {
        assertThat(model.sampleShape()).containsExactly(4, 2, 2);
        assertThat(model.schedule()).isEqualTo(SCHEDULE);
        assertThat(model.prediction()).isEqualTo(Prediction.SAMPLE);
        assertThat(model.takes().isNothing()).isTrue();
        assertThat(model.isDifferentiable()).isFalse();
        assertThat(model.learnsVariance()).isFalse();
        INDArray x = Nd4j.rand(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 4, 2, 2);
        INDArray y = model.predict(x, Nd4j.createFromArray(7f, 7f), Condition.none());
        assertThat(y).isEqualTo(x.add(7));
        assertThat(Samplers.named("ddim", 3).sample(model, 2).shape()).containsExactly(2, 4, 2, 2);
      }
    }
  }

  @Test
  void views_areReadInTheirOrder() throws IOException {
    try (OnnxDenoiser model = builder(sum()).sampleShape(4, 2, 3).load()) {
      INDArray x = Nd4j.rand(org.nd4j.linalg.api.buffer.DataType.FLOAT, 3, 2, 4, 2);
      INDArray view = x.permute(3, 2, 1, 0);
      INDArray y = model.predict(view, Nd4j.createFromArray(1f, 1f), Condition.none());
      assertThat(y).isEqualTo(view.add(1));
    }
  }

  @Test
  void labelsAndFurtherInputs_areConditions() throws IOException {
    Path file =
        new ForeignFile()
            .input("sample", DataType.FLOAT, -1, 3)
            .input("timestep", DataType.FLOAT, -1)
            .input("class_labels", DataType.INT32, -1)
            .input("text", DataType.FLOAT, -1, 2, 3)
            .input("size", DataType.FLOAT, -1, 3)
            .node("Cast", "label", List.of("class_labels"), Attributes.of("to", 1))
            .node("Unsqueeze", "labels", List.of("label", "size_axis"))
            .node("Constant", "unused", List.of(), Attributes.of("value_float", 1.0))
            .output("output", -1, 3)
            .write(folder.resolve("unfinished.onnx"));
    assertThatThrownBy(() -> OnnxDenoiser.builder(file).schedule(SCHEDULE).load())
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(file.toString());

    Path whole =
        new ForeignFile()
            .input("sample", DataType.FLOAT, -1, 3)
            .input("timestep", DataType.FLOAT, -1)
            .input("class_labels", DataType.INT32, -1)
            .input("text", DataType.FLOAT, -1, -1, 3)
            .input("size", DataType.FLOAT, -1, 3)
            .node("Cast", "label", List.of("class_labels"), Attributes.of("to", 1))
            .node("Constant", "axis", List.of(), Attributes.of("value_ints", new long[] {1}))
            .node("Unsqueeze", "labels", List.of("label", "axis"))
            .node(
                "ReduceMean",
                "mean",
                List.of("text"),
                Attributes.of("axes", new long[] {1}),
                Attributes.of("keepdims", 0))
            .node("Add", "a", List.of("labels", "mean"))
            .node("Add", "output", List.of("a", "size"))
            .node("Identity", "other", List.of("size"))
            .output("output", -1, 3)
            .output("other", -1, 3)
            .write(folder.resolve("conditions.onnx"));
    try (OnnxDenoiser model =
        OnnxDenoiser.builder(whole)
            .schedule(SCHEDULE)
            .named("encoder_hidden_states", "text")
            .labels(5, true)
            .load()) {
      assertThat(model.takes())
          .isEqualTo(Condition.Takes.labels(5, true).withEmbeddings(3).withInputs(Set.of("size")));
      INDArray x = Nd4j.zeros(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 3);
      Condition condition =
          Condition.several(
              Condition.labels(2, Condition.UNLABELLED),
              Condition.embeddings(Nd4j.ones(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 7, 3)),
              Condition.inputs(Map.of("size", Nd4j.ones(2, 3).castTo(x.dataType()))));
      INDArray y = model.predict(x, Nd4j.createFromArray(1f, 2f), condition);
      assertThat(y.toFloatMatrix()).isDeepEqualTo(new float[][] {{4, 4, 4}, {7, 7, 7}});
      assertThatThrownBy(
              () -> model.predict(x, Nd4j.createFromArray(1f, 2f), Condition.label(1, 2)))
          .isInstanceOf(IllegalArgumentException.class);
      Condition wrong =
          Condition.several(
              Condition.label(1, 2),
              Condition.embeddings(Nd4j.ones(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 7, 3)),
              Condition.inputs(Map.of("size", Nd4j.ones(2, 4).castTo(x.dataType()))));
      assertThatThrownBy(() -> model.predict(x, Nd4j.createFromArray(1f, 2f), wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("size must be FLOAT [n, 3] but was FLOAT [2, 4]");
    }
  }

  @Test
  void badCalls_areRefused() throws IOException {
    OnnxDenoiser model = builder(sum()).sampleShape(4, 2, 2).load();
    INDArray x = Nd4j.zeros(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 4, 2, 2);
    INDArray wide = Nd4j.zeros(org.nd4j.linalg.api.buffer.DataType.FLOAT, 2, 4, 2, 3);
    refused(model, wide, 1, 1)
        .hasMessage("samples must be FLOAT [n, 4, 2, 2] but were FLOAT [2, 4, 2, 3]");
    refused(model, x, 1, 100).hasMessage("timestep must be in [0, 99] but was 100.0");
    refused(model, x, 1, 2)
        .hasMessage(
            "timesteps must be equal for a model that takes one for all samples but were 1.0 and"
                + " 2.0");
    refused(model, x, 1.5f, 1.5f)
        .hasMessage("timestep must be a whole number for a model that takes INT64 but was 1.5");
    model.close();
    model.close();
    assertThatThrownBy(() -> model.predict(x, Nd4j.createFromArray(1f, 1f), Condition.none()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model is closed");
  }

  private static AbstractThrowableAssert<?, ? extends Throwable> refused(
      OnnxDenoiser model, INDArray x, float first, float second) {
    return assertThatThrownBy(
            () -> model.predict(x, Nd4j.createFromArray(first, second), Condition.none()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void unfitFiles_areNamed() throws IOException {
    Path sum = sum();
    unfit(
        OnnxDenoiser.builder(sum).schedule(SCHEDULE),
        "inputs must include sample but were [latent, step]");
    unfit(builder(sum), "sample shape must be stated, and fit that of the file, [4, -1, -1]");
    unfit(builder(sum).sampleShape(3, 2, 2), "but was [3, 2, 2]");
    unfit(builder(sum).sampleShape(4, 2, 2).named("output", "y"), "outputs must include y");
    unfit(
        OnnxDenoiser.builder(sum).named("sample", "latent").named("timestep", "step"),
        "noise schedule must be stated");
    Path fixed =
        new ForeignFile()
            .input("sample", DataType.FLOAT, 1, 4)
            .input("timestep", DataType.FLOAT, -1)
            .node("Identity", "output", List.of("sample"))
            .output("output", 1, 4)
            .write(folder.resolve("fixed.onnx"));
    unfit(
        OnnxDenoiser.builder(fixed).schedule(SCHEDULE),
        "sample must have an open batch size, its first, but is [1, 4]");
    Path doubles =
        new ForeignFile()
            .input("sample", DataType.DOUBLE, -1, 4)
            .input("timestep", DataType.FLOAT, -1)
            .node("Cast", "output", List.of("sample"), Attributes.of("to", 1))
            .output("output", -1, 4)
            .write(folder.resolve("doubles.onnx"));
    unfit(OnnxDenoiser.builder(doubles).schedule(SCHEDULE), "sample must be FLOAT but is DOUBLE");
    Path wide =
        new ForeignFile()
            .input("sample", DataType.FLOAT, -1, 4)
            .input("timestep", DataType.FLOAT, -1, 2)
            .node("Identity", "output", List.of("sample"))
            .output("output", -1, 4)
            .write(folder.resolve("wide.onnx"));
    unfit(OnnxDenoiser.builder(wide).schedule(SCHEDULE), "timestep must be one number");
    Path text = Files.writeString(folder.resolve("text.onnx"), "no model");
    unfit(OnnxDenoiser.builder(text).schedule(SCHEDULE), "");
    assertThatThrownBy(() -> OnnxDenoiser.load(folder.resolve("none.onnx")))
        .isInstanceOf(NoSuchFileException.class);
    assertThatThrownBy(() -> builder(sum).named("samples", "latent"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("name must be one of [class_labels, ");
    assertThatThrownBy(() -> builder(sum).labels(0, true))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static void unfit(OnnxDenoiser.Builder builder, String message) {
    assertThatThrownBy(builder::load)
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(message);
  }
}
