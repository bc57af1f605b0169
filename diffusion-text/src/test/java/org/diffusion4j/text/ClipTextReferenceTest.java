package org.diffusion4j.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.text.ClipTextGraph;
import org.diffusion4j.pretrained.ReferenceGradients;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.text.ClipTextModel.Config;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every text encoder that the reference implementation ran: hidden states, loss and gradients. */
class ClipTextReferenceTest {

  private static final double TOLERANCE = 2e-5;
  private static final double LOSS_TOLERANCE = 1e-5;

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> statesAndGradients_areThoseOfTheReference() {
    return ReferenceCases.folders("text_encoder").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("text_encoder")).hasSizeGreaterThanOrEqualTo(4);
    }
  }

  private void check(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    int[][] ids = io.get("input_ids").toIntMatrix();
    int[][] mask = io.containsKey("attention_mask") ? io.get("attention_mask").toIntMatrix() : null;
    Path directory = whole(folder, json);
    if (mask != null) {
      Map<String, Object> config = new TreeMap<>(Json.read(directory.resolve("config.json")));
      config.put("use_attention_mask", true);
      Json.write(directory.resolve("config.json"), config);
    }
    try (ClipTextModel model = ClipTextModel.load(directory)) {
      assertThat(ClipTextJson.className(model.config())).isEqualTo(json.get("model_class"));
      assertThat(model.weights().values().stream().mapToLong(INDArray::length).sum())
          .isEqualTo(((Number) json.get("parameters")).longValue());
      assertThat(
              Arrays.stream(ids)
                  .mapToInt(row -> ClipTextInputs.pooledRow(row, model.config().endId()))
                  .toArray())
          .isEqualTo(ints(json.get("pooled_rows")));
      checkStates(model, ids, mask, io);
      checkGradients(model, ids, mask, io, json);
      checkFiles(model, folder.getFileName().toString());
    }
  }

  private Path whole(Path folder, Map<String, Object> json) throws IOException {
    Map<String, Object> shapes = object(json, "weights_by_formula");
    Path copy = Files.createDirectory(temporary.resolve(folder.getFileName().toString()));
    int seed = ((Number) json.get("weights_seed")).intValue();
    return ReferenceModels.whole(folder, copy, shapes == null ? Map.of() : shapes, part -> seed);
  }

  private static void checkStates(
      ClipTextModel model, int[][] ids, int[][] mask, Map<String, INDArray> io) {
    int all = model.config().layers();
    checkState(model.outputs(ids, mask, all, false), io, "embeddings");
    checkState(model.outputs(ids, mask, 0, true), io, "last_hidden_state");
    checkState(model.outputs(ids, mask, 1, false), io, "penultimate");
    checkState(model.outputs(ids, mask, 1, true), io, "penultimate_final_layer_norm");
    checkState(model.hidden(ids, mask, 1, true), io, "penultimate_final_layer_norm");
  }

  private static void checkState(Embeddings outputs, Map<String, INDArray> io, String name) {
    try (outputs) {
      assertThat(distance(outputs.tokens(), io.get(name))).as(name).isLessThanOrEqualTo(TOLERANCE);
      if (outputs.pooled() != null) {
        assertThat(distance(outputs.pooled(), pooled(io)))
            .as("pooled")
            .isLessThanOrEqualTo(TOLERANCE);
      }
    }
  }

  private static INDArray pooled(Map<String, INDArray> io) {
    return io.containsKey("text_embeds") ? io.get("text_embeds") : io.get("pooler_output");
  }

  /** In a graph of another network, which has ids as numbers. */
  private static void checkGradients(
      ClipTextModel model,
      int[][] ids,
      int[][] mask,
      Map<String, INDArray> io,
      Map<String, Object> json) {
    Config config = model.config();
    int positions = config.positions();
    Layers layers = Layers.sharing(model.weights());
    SameDiff sd = layers.sd;
    SDVariable numbers = sd.reshape(layers.input("ids", -1, positions, 1), -1, positions);
    SDVariable whole = sd.castTo(numbers, DataType.INT);
    SDVariable row = layers.input("row", -1, 1, positions);
    Map<String, INDArray> inputs = new TreeMap<>();
    ClipTextInputs arrays = new ClipTextInputs(config);
    inputs.put("ids", arrays.ids(ids).castTo(DataType.FLOAT).reshape(ids.length, positions, 1));
    inputs.put("row", arrays.rows(ids));
    ClipTextGraph.Hidden hidden;
    if (mask == null) {
      hidden = config.graph().build(layers, "", whole);
    } else {
      SDVariable bias = layers.input("bias", -1, config.heads(), positions, positions);
      hidden = config.graph().build(layers, "", whole, bias);
      inputs.put("bias", arrays.bias(mask, ids.length));
    }
    int states = positions * config.width();
    layers.output(sd.concat(1, sd.reshape(hidden.last(), -1, states), hidden.pooled(row)));
    long[] shape = {ids.length, states + config.pooledWidth()};
    SampleLoss loss =
        loss(ids.length, floats(io.get("target_last")), floats(io.get("target_pooled")));
    try (GraphRunner runner = GraphRunner.sharing(sd);
        LossGradients gradients =
            runner.gradients(inputs, shape, loss, null, model.weights().keySet())) {
      assertThat(gradients.losses().sum())
          .isCloseTo(((Number) json.get("loss")).doubleValue(), within(LOSS_TOLERANCE));
      ReferenceGradients.check(gradients.gradients(), io, json);
      assertThat(runner.isPlanned()).isEqualTo(model.isPlanned());
    }
  }

  private static float[] floats(INDArray array) {
    return array.dup('c').data().asFloat();
  }

  /** The mean squared error of the last hidden state, and that of the pooled one. */
  private static SampleLoss loss(int n, float[] last, float[] pooled) {
    int states = last.length / n;
    int width = pooled.length / n;
    return (sample, output, gradient) -> {
      Arrays.fill(gradient, 0);
      double sum = 0;
      for (int i = 0; i < states + width; i++) {
        // Behind the states of the ids are those of the padding.
        int at = i < states ? i : output.length - width + i - states;
        float[] target = i < states ? last : pooled;
        float error =
            output[at]
                - (i < states ? last[sample * states + i] : pooled[sample * width + i - states]);
        sum += (double) error * error / target.length;
        gradient[at] = 2 * error / target.length;
      }
      return sum;
    };
  }

  private void checkFiles(ClipTextModel model, String name) throws IOException {
    Path once = temporary.resolve(name + " once");
    Path twice = temporary.resolve(name + " twice");
    model.save(once);
    try (ClipTextModel again = ClipTextModel.load(once)) {
      assertThat(again.config()).isEqualTo(model.config());
      again.save(twice);
    }
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      assertThat(twice.resolve(file)).hasSameBinaryContentAs(once.resolve(file));
    }
  }
}
