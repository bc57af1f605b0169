package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.text.ClipTextModel;
import org.diffusion4j.text.ClipTokenizer;
import org.diffusion4j.text.TextDenoiser;
import org.diffusion4j.text.TextModels;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Training steps of a text-conditioned U-Net that the reference implementation made. */
class TextTrainingReferenceTest {

  private static final double STATES_TOLERANCE = 2e-5;
  private static final double LOSS_TOLERANCE = 1e-5;
  private static final double UPDATE_TOLERANCE = 2e-3;

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> stepsAndWeights_areThoseOfTheReference() {
    return ReferenceCases.folders("training_text").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasACase() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("training_text")).isNotEmpty();
    }
  }

  private void check(Path folder) throws IOException {
    Map<String, Object> trace = json(folder.resolve("trace.json"));
    Map<String, INDArray> batches = ReferenceModels.tensors(folder.resolve("batches.safetensors"));
    Map<String, Object> settings = json(folder.resolve("scheduler_config.json"));
    SchedulerConfig config = new SchedulerConfig((String) settings.remove("_class_name"), settings);
    Path directory = whole(folder, trace);
    ClipTokenizer tokenizer = ClipTokenizer.read(directory.resolve("tokenizer"));
    try (UNet2DConditionModel unet =
            TextModels.unet(directory.resolve("unet"), config.schedule(), config.prediction());
        ClipTextModel text = ClipTextModel.load(directory.resolve("text_encoder"));
        TextDenoiser model = TextDenoiser.of(unet, text, tokenizer, TextDenoiser.Trained.UNET);
        DiffusionTrainer trainer = trainer(model, trace)) {
      INDArray empty = ids(tokenizer);
      ForwardProcess process = new ForwardProcess(config.schedule());
      List<?> steps = (List<?>) trace.get("steps");
      for (int k = 0; k < steps.size(); k++) {
        checkInputs(text, process, batches, k);
        TrainingListener.Step step =
            trainer.step(
                batches.get("latents." + k),
                condition(batches.get("input_ids." + k), empty),
                batches.get("t." + k).toIntVector(),
                batches.get("noise." + k));
        Map<?, ?> expected = (Map<?, ?>) steps.get(k);
        double norm = ((Number) expected.get("grad_norm")).doubleValue();
        assertThat(step.loss())
            .as("loss %d", k)
            .isCloseTo(((Number) expected.get("loss")).doubleValue(), within(LOSS_TOLERANCE));
        assertThat(step.gradientNorm())
            .as("gradient norm %d", k)
            .isCloseTo(norm, within(1e-4 * norm));
      }
      Map<String, INDArray> before = new HashMap<>();
      unet.weights().forEach((name, weight) -> before.put(name, weight.dup()));
      model.copyTo(unet, text);
      checkWeights(unet, before, folder, (List<?>) trace.get("ill_conditioned_params"));
    }
  }

  private Path whole(Path folder, Map<String, Object> trace) throws IOException {
    Path directory = folder.resolve((String) trace.get("model")).normalize();
    Map<String, Object> weights = json(directory.resolve("weights.json"));
    Map<String, Object> shapes = object(weights, "weights_by_formula");
    Map<String, Object> seeds = object(weights, "weights_seeds");
    return ReferenceModels.whole(
        directory,
        Files.createDirectory(temporary.resolve(folder.getFileName().toString())),
        shapes == null ? Map.of() : shapes,
        part -> ((Number) seeds.get(part)).intValue());
  }

  private static DiffusionTrainer trainer(TextDenoiser model, Map<String, Object> trace) {
    Map<String, Object> optimizer = object(trace, "optimizer");
    double[] betas = ReferenceCases.doubles(optimizer.get("betas"));
    assertThat(optimizer.get("name")).isEqualTo("AdamW");
    Object gamma = trace.get("snr_gamma");
    return DiffusionTrainer.builder(model)
        .optimizer(
            Optimizer.adamW(
                number(optimizer.get("lr")),
                number(optimizer.get("weight_decay")),
                betas[0],
                betas[1],
                number(optimizer.get("eps"))))
        .maxGradientNorm(
            trace.get("clip") == null ? Double.POSITIVE_INFINITY : number(trace.get("clip")))
        .loss(
            gamma == null
                ? Loss.meanSquaredError()
                : Loss.meanSquaredError(Loss.Weighting.minSnr(number(gamma))))
        .build();
  }

  private static double number(Object value) {
    return ((Number) value).doubleValue();
  }

  private static INDArray ids(ClipTokenizer tokenizer) {
    return Nd4j.createFromArray(tokenizer.encode("").ids()).castTo(DataType.FLOAT);
  }

  private static Condition condition(INDArray ids, INDArray empty) {
    INDArray differences = ids.castTo(DataType.FLOAT).subRowVector(empty);
    return Condition.embeddings(differences.reshape(ids.size(0), ids.size(1), 1));
  }

  private static void checkInputs(
      ClipTextModel text, ForwardProcess process, Map<String, INDArray> batches, int k) {
    int[][] ids = batches.get("input_ids." + k).toIntMatrix();
    try (Condition.Embeddings states = text.outputs(ids, null, 0, true)) {
      assertThat(distance(states.tokens(), batches.get("encoder_hidden_states." + k)))
          .isLessThanOrEqualTo(STATES_TOLERANCE);
    }
    INDArray latents = batches.get("latents." + k);
    INDArray noise = batches.get("noise." + k);
    int[] t = batches.get("t." + k).toIntVector();
    assertThat(distance(process.noisy(latents, noise, t), batches.get("noisy_latents." + k)))
        .isLessThan(LOSS_TOLERANCE);
    if (batches.containsKey("target." + k)) {
      assertThat(distance(process.velocity(latents, noise, t), batches.get("target." + k)))
          .isLessThan(LOSS_TOLERANCE);
    }
  }

  private static void checkWeights(
      UNet2DConditionModel unet,
      Map<String, INDArray> before,
      Path folder,
      List<?> illConditioned) {
    Map<String, INDArray> expected = ReferenceModels.tensors(folder.resolve("final.safetensors"));
    assertThat(expected.keySet()).isEqualTo(unet.weights().keySet());
    unet.weights()
        .forEach(
            (name, actual) -> {
              if (!illConditioned.contains(name)) {
                INDArray wanted = ReferenceModels.fromTorch(name, expected.get(name));
                double update = wanted.sub(before.get(name)).norm2Number().doubleValue();
                assertThat(actual.sub(wanted).norm2Number().doubleValue())
                    .as("distance of %s", name)
                    .isLessThanOrEqualTo(UPDATE_TOLERANCE * update);
              }
            });
  }
}
