package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.diffusion4j.reference.ReferenceCases.distance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import onnx.Onnx.ModelProto;
import onnx.Onnx.StringStringEntryProto;
import onnx.Onnx.TensorProto;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNet1d;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class OnnxExportTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.cosine(100);

  @TempDir Path folder;

  @Test
  void mlp_withClassesAndEmbeddings_agrees() throws IOException {
    Mlp.Config config = new Mlp.Config(5, 16, 2, 3, true, 0).withEmbeddings(4);
    try (Mlp model = Mlp.create(config, SCHEDULE, Prediction.VELOCITY, 3)) {
      Condition condition =
          Condition.several(
              Condition.labels(2, Condition.UNLABELLED, 0),
              Condition.embeddings(Nd4j.rand(DataType.FLOAT, 3, 2, 4)));
      assertAgrees(model, condition);
      INDArray mask = Nd4j.createFromArray(new float[][] {{1, 0}, {1, 1}, {0, 0}});
      assertAgrees(model, Condition.embeddings(Nd4j.rand(DataType.FLOAT, 3, 2, 4), mask, null));
    }
  }

  @Test
  void processInContinuousTime_isKept() throws IOException {
    Mlp.Config config = new Mlp.Config(5, 16, 2, 0, false, 0);
    try (Mlp model = Mlp.create(config, NoiseSchedule.flow(1000), Prediction.FLOW, 3)) {
      assertAgrees(model, Condition.none());
    }
  }

  @Test
  void series_agree() throws IOException {
    UNet1d.Config config = UNet1d.Config.of(2, 16, 8, 16);
    try (UNet1d model = UNet1d.create(config, SCHEDULE, 3)) {
      assertAgrees(model, Condition.none());
    }
  }

  @Test
  void dropout_isLeftOut() throws IOException {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 8).normGroups(4).dropout(0.3).build();
    try (UNet model = UNet.create(config, SCHEDULE, 3)) {
      assertAgrees(model, Condition.none());
      ModelProto proto = proto(exported(model));
      assertThat(proto.getGraph().getInputList()).hasSize(2);
    }
  }

  @Test
  void pictures_areAnInput() throws IOException {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 8).normGroups(4).pictureChannels(2).build();
    try (UNet model = UNet.create(config, SCHEDULE, 3)) {
      assertAgrees(model, Condition.pictures(Nd4j.rand(DataType.FLOAT, 3, 2, 8, 8)));
    }
  }

  @Test
  void learnedVariance_isKept() throws IOException {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 8).normGroups(4).outChannels(2).build();
    try (UNet model = UNet.create(config, SCHEDULE, 3)) {
      assertAgrees(model, Condition.none());
    }
  }

  @Test
  void ownNoise_isZero_andFurtherInputsAreInputs() throws IOException {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, 4);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable noise = sd.placeHolder("hidden.noise", DataType.FLOAT, -1, 4);
    SDVariable more = sd.placeHolder("more", DataType.FLOAT, -1, 4);
    sd.identity("output", x.add(noise.add(1).mul(0.5)).mul(more).add(t.mul(1e-3)));
    try (SameDiffDenoiser model =
        new SameDiffDenoiser(sd, new long[] {4}, SCHEDULE, Prediction.SAMPLE)) {
      assertAgrees(model, Condition.inputs(Map.of("more", Nd4j.rand(DataType.FLOAT, 3, 4))));
    }
  }

  private void assertAgrees(SameDiffDenoiser model, Condition condition) throws IOException {
    try (OnnxDenoiser exported = OneThread.load(exported(model))) {
      assertThat(exported.takes()).isEqualTo(model.takes());
      assertThat(exported.schedule()).isEqualTo(model.schedule());
      assertThat(exported.prediction()).isEqualTo(model.prediction());
      assertThat(exported.scheduler()).isEqualTo(model.scheduler());
      assertThat(exported.learnsVariance()).isEqualTo(model.learnsVariance());
      long[] shape = GraphExporter.batch(model.sampleShape());
      shape[0] = 3;
      INDArray x = Nd4j.rand(DataType.FLOAT, shape);
      INDArray t = Nd4j.createFromArray(0f, 42f, 99f);
      assertThat(distance(exported.predict(x, t, condition), model.predict(x, t, condition)))
          .isLessThanOrEqualTo(1e-5);
    }
  }

  private Path exported(SameDiffDenoiser model) throws IOException {
    Path file = folder.resolve("deep").resolve("model.onnx");
    OnnxExport.of(model).write(file);
    return file;
  }

  private static ModelProto proto(Path file) throws IOException {
    return ModelProto.parseFrom(Files.readAllBytes(file));
  }

  @Test
  void metadata_saysWhatTheModelIs() throws IOException {
    try (UNet model = unet(7)) {
      Map<String, String> metadata = new TreeMap<>();
      for (StringStringEntryProto entry : proto(exported(model)).getMetadataPropsList()) {
        metadata.put(entry.getKey(), entry.getValue());
      }
      assertThat(metadata)
          .containsEntry("library", "diffusion4j")
          .containsEntry("prediction", "epsilon")
          .containsEntry("sample_shape", "[1, 8, 8]")
          .containsEntry("classes", "3")
          .containsEntry("unlabelled", "false")
          .containsEntry("conditions", "class_labels");
      assertThat(metadata.get("scheduler_config"))
          .contains("\"beta_schedule\":\"squaredcos_cap_v2\"");
    }
  }

  private static UNet unet(long seed) {
    UNetConfig config =
        UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).normGroups(4).classes(3).build();
    return UNet.create(config, SCHEDULE, seed);
  }

  @Test
  void dataBeyondALength_liesBesideTheFile() throws IOException {
    Path file = folder.resolve("model.onnx");
    INDArray x = Nd4j.rand(DataType.FLOAT, 2, 1, 8, 8);
    INDArray t = Nd4j.createFromArray(1f, 2f);
    try (UNet first = unet(1);
        UNet second = unet(2)) {
      OnnxExport.of(first).withDataBeyond(10_000).write(file);
      List<Path> before = files();
      assertThat(before).hasSize(2);
      assertThat(Files.size(file)).isLessThan(Files.size(before.get(0)));
      assertThat(proto(file).getGraph().getInitializerList())
          .anyMatch(tensor -> tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL)
          .anyMatch(tensor -> tensor.getDataLocation() == TensorProto.DataLocation.DEFAULT);

      OnnxExport.of(second).withDataBeyond(10_000).write(file);
      assertThat(files()).hasSize(2).isNotEqualTo(before);
      try (OnnxDenoiser exported = OneThread.load(file)) {
        Condition label = Condition.label(1, 2);
        assertThat(distance(exported.predict(x, t, label), second.predict(x, t, label)))
            .isLessThanOrEqualTo(1e-5);
      }

      OnnxExport.of(first).write(file);
      assertThat(files()).containsExactly(file);
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted((a, b) -> b.compareTo(a)).toList();
    }
  }

  @Test
  void write_twice_givesTheSameBytes() throws IOException {
    try (UNet model = unet(1)) {
      byte[] first = Files.readAllBytes(exported(model));
      assertThat(Files.readAllBytes(exported(model))).isEqualTo(first);
    }
  }

  @Test
  void modelsWithoutArrays_areRefused() throws IOException {
    UNet closed = unet(1);
    PretrainedModel.of(closed).save(folder.resolve("model"));
    closed.close();
    assertThatThrownBy(() -> exported(closed))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    try (PretrainedModel frozen = PretrainedModel.loadFrozen(folder.resolve("model"))) {
      assertThatThrownBy(() -> exported(frozen.model()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("frozen");
    }
    try (UNet model = unet(1)) {
      assertThatThrownBy(() -> OnnxExport.of(model).withDataBeyond(-1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("-1");
    }
  }
}
