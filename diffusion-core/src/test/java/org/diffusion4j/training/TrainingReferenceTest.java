package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.io.IOException;
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
import org.diffusion4j.unet.UNet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Training steps that the reference implementation made: losses, gradient norms, final weights. */
class TrainingReferenceTest {

  private static final double LOSS_TOLERANCE = 1e-5;
  private static final double UPDATE_TOLERANCE = 2e-3;

  @TestFactory
  Stream<DynamicTest> stepsAndWeights_areThoseOfTheReference() {
    return ReferenceCases.folders("training").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  private static void check(Path folder) throws IOException {
    Map<String, Object> trace = json(folder.resolve("trace.json"));
    Map<String, INDArray> batches = ReferenceModels.tensors(folder.resolve("batches.safetensors"));
    Map<String, Object> settings = json(folder.resolve("scheduler_config.json"));
    SchedulerConfig config = new SchedulerConfig((String) settings.remove("_class_name"), settings);
    INDArray first = batches.get("x0.0");
    List<?> steps = (List<?>) trace.get("steps");
    try (UNet model =
            ReferenceModels.load(
                folder,
                ((Number) trace.get("weights_seed")).intValue(),
                config.schedule(),
                config.prediction(),
                (int) first.size(2),
                (int) first.size(3));
        DiffusionTrainer trainer = trainer(model, object(trace, "optimizer"))) {
      Map<String, INDArray> before = new HashMap<>();
      model.parameters().forEach((name, p) -> before.put(name, p.dup()));
      ForwardProcess process = new ForwardProcess(config.schedule());
      for (int k = 0; k < steps.size(); k++) {
        INDArray x0 = batches.get("x0." + k);
        INDArray noise = batches.get("noise." + k);
        int[] t = batches.get("t." + k).toIntVector();
        assertThat(distance(process.noisy(x0, noise, t), batches.get("xt." + k)))
            .isLessThan(LOSS_TOLERANCE);
        if (batches.containsKey("target." + k)) {
          INDArray target =
              switch (config.prediction()) {
                case EPSILON -> noise;
                case SAMPLE -> x0;
                case VELOCITY -> process.velocity(x0, noise, t);
                default -> throw new IllegalArgumentException("no case has " + config.prediction());
              };
          assertThat(distance(target, batches.get("target." + k))).isLessThan(LOSS_TOLERANCE);
        }
        Condition condition =
            batches.containsKey("class_labels." + k)
                ? Condition.labels(batches.get("class_labels." + k).toIntVector())
                : Condition.none();
        TrainingListener.Step step = trainer.step(x0, condition, t, noise);
        Map<?, ?> expected = (Map<?, ?>) steps.get(k);
        double loss = ((Number) expected.get("loss")).doubleValue();
        double norm = ((Number) expected.get("grad_norm")).doubleValue();
        assertThat(step.loss()).as("loss %d", k).isCloseTo(loss, within(LOSS_TOLERANCE));
        assertThat(step.gradientNorm())
            .as("gradient norm %d", k)
            .isCloseTo(norm, within(1e-4 * norm));
      }
      checkWeights(model, before, folder, (List<?>) trace.get("ill_conditioned_params"));
    }
  }

  private static DiffusionTrainer trainer(UNet model, Map<String, Object> optimizer) {
    double[] betas = ReferenceCases.doubles(optimizer.get("betas"));
    double decay = number(optimizer, "weight_decay", 0);
    String name = (String) optimizer.get("opt");
    if (!name.equals("AdamW") && !(name.equals("Adam") && decay == 0)) {
      throw new IllegalArgumentException("optimizer is not supported: " + optimizer);
    }
    return DiffusionTrainer.builder(model)
        .optimizer(
            Optimizer.adamW(
                number(optimizer, "lr", 0), decay, betas[0], betas[1], number(optimizer, "eps", 0)))
        .maxGradientNorm(number(optimizer, "clip", Double.POSITIVE_INFINITY))
        .build();
  }

  private static double number(Map<String, Object> json, String key, double byDefault) {
    return json.get(key) == null ? byDefault : ((Number) json.get(key)).doubleValue();
  }

  private static void checkWeights(
      UNet model, Map<String, INDArray> before, Path folder, List<?> illConditioned) {
    Map<String, INDArray> expected = ReferenceModels.tensors(folder.resolve("final.safetensors"));
    assertThat(expected.keySet()).isEqualTo(model.weights().keySet());
    model
        .parameters()
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
