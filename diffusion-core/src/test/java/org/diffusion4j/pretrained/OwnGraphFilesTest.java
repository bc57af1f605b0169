package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.diffusion4j.Condition;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Model directories of graphs of one's own. */
class OwnGraphFilesTest {

  private static final String WEIGHTS = "graph/diffusion_pytorch_model.safetensors";

  @TempDir Path directory;

  /** Two classes; the names of its weights are such that diffusers' would be changed. */
  private static SameDiffDenoiser conditional() {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, 4);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    SDVariable label = sd.placeHolder("class_labels", DataType.FLOAT, -1, 2);
    Nd4j.getRandom().setSeed(3);
    SDVariable table = sd.var("module.class_embedding.weight", Nd4j.rand(DataType.FLOAT, 2, 4));
    SDVariable w = sd.var("module.attentions.query.weight", Nd4j.rand(DataType.FLOAT, 4, 4));
    SDVariable h = x.mmul(w).add(label.mmul(table)).add(t.mul(0.01));
    sd.identity("output", sd.math().tanh(h).mul(sd.var("module.s", Nd4j.rand(1, 4))));
    return new SameDiffDenoiser(sd, new long[] {4}, NoiseSchedule.cosine(50), Prediction.VELOCITY);
  }

  private static INDArray predict(SameDiffDenoiser model) {
    INDArray x = Nd4j.linspace(DataType.FLOAT, -1, 0.1, 8).reshape(2, 4);
    return model.predict(x, Nd4j.createFromArray(3f, 40f), Condition.labels(1, 0));
  }

  private Path saved() throws IOException {
    Path model = directory.resolve("model");
    try (SameDiffDenoiser graph = conditional()) {
      PretrainedModel.of(graph).save(model);
    }
    return model;
  }

  @Test
  void savedAndLoaded_isTheSameModel() throws IOException {
    Path model = saved();
    assertThat(Json.read(model.resolve("model_index.json")))
        .containsEntry("_class_name", "GraphPipeline")
        .containsEntry("graph", List.of("diffusion4j", "SameDiffDenoiser"));
    assertThat(ReferenceModels.tensors(model.resolve(WEIGHTS)).keySet())
        .containsExactlyInAnyOrder(
            "module.attentions.query.weight", "module.class_embedding.weight", "module.s");
    try (SameDiffDenoiser graph = conditional();
        PretrainedModel loaded = PretrainedModel.load(model)) {
      assertThat(predict(loaded.model())).isEqualTo(predict(graph));
      assertThat(loaded.model().classes()).isEqualTo(2);
      assertThat(loaded.model().schedule()).isEqualTo(graph.schedule());
      assertThat(loaded.model().prediction()).isEqualTo(Prediction.VELOCITY);
      assertThat(loaded.model().weights()).isEqualTo(graph.weights());

      loaded.save(directory.resolve("again"));
      for (String file : new String[] {"model_index.json", "graph/config.json", WEIGHTS}) {
        assertThat(directory.resolve("again").resolve(file))
            .hasSameBinaryContentAs(model.resolve(file));
      }
    }
  }

  @Test
  void mutatedGraphs_areRefusedByName() throws IOException {
    Path model = saved();
    Path config = model.resolve("graph/config.json");
    byte[] original = Files.readAllBytes(config);
    Random random = new Random(20_261_130);
    for (int i = 0; i < 200; i++) {
      byte[] mutant = original.clone();
      int at = random.nextInt(mutant.length);
      mutant[at] ^= (byte) (1 << random.nextInt(7));
      Files.delete(config);
      Files.write(config, mutant);
      try (PretrainedModel loaded = PretrainedModel.load(model)) {
        // A letter of a name that only notes something.
        assertThat(new String(mutant, StandardCharsets.UTF_8))
            .doesNotContain("\"_class_name\": \"SameDiffDenoiser\"");
      } catch (ModelFormatException e) {
        assertThat(e).hasMessageStartingWith(model.toString());
      }
    }
  }

  @Test
  void weightsThatAreNotTheGraphs_areNamed() throws IOException {
    Path model = saved();
    Map<String, INDArray> tensors = new TreeMap<>(ReferenceModels.tensors(model.resolve(WEIGHTS)));
    tensors.put("extra", tensors.remove("module.s"));
    Safetensors.write(model.resolve(WEIGHTS), tensors, Map.of());
    assertThatThrownBy(() -> PretrainedModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(model.resolve(WEIGHTS).toString())
        .hasMessageContainingAll("module.s [1, 4] is missing", "extra [1, 4] is surplus");
  }

  @Test
  void shapesBeyondMemory_areRefusedBeforeItIsTaken() throws IOException {
    Path model = saved();
    Path config = model.resolve("graph/config.json");
    Map<String, Object> json = new TreeMap<>(Json.read(config));
    json.put("weights", Map.of("w", List.of(1L << 40, 1L << 40)));
    Json.write(config, json);
    assertThatThrownBy(() -> PretrainedModel.load(model))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(WEIGHTS);
  }
}
