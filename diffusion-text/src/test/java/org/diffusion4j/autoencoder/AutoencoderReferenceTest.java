package org.diffusion4j.autoencoder;

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
import java.util.stream.Stream;
import org.diffusion4j.autoencoder.AutoencoderKL.Moments;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.pretrained.ReferenceGradients;
import org.diffusion4j.pretrained.ReferenceModels;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Every autoencoder that the reference implementation ran: latents, images, loss, gradients. */
class AutoencoderReferenceTest {

  private static final double TOLERANCE = 2e-5;
  private static final double LOSS_TOLERANCE = 1e-5;

  @TempDir Path temporary;

  @TestFactory
  Stream<DynamicTest> latentsImagesAndGradients_areThoseOfTheReference() {
    return ReferenceCases.folders("vae").stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
  }

  @Test
  void bundledCopy_hasCases() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(ReferenceCases.folders("vae")).hasSizeGreaterThanOrEqualTo(6);
    }
  }

  private void check(Path folder) throws IOException {
    Map<String, Object> json = json(folder.resolve("case.json"));
    Map<String, INDArray> io = ReferenceModels.tensors(folder.resolve("io.safetensors"));
    try (Autoencoder autoencoder = Autoencoder.load(whole(folder, json))) {
      assertThat(autoencoder.getClass().getSimpleName()).isEqualTo(json.get("model_class"));
      if (autoencoder instanceof AutoencoderKL kl) {
        assertThat(kl.weights().values().stream().mapToLong(INDArray::length).sum())
            .isEqualTo(((Number) json.get("parameters")).longValue());
        checkKl(kl, io);
        checkGradients(kl, io, json);
      } else if (autoencoder instanceof VQModel vq) {
        checkVq(vq, io);
      } else {
        checkTiny((AutoencoderTiny) autoencoder, io);
      }
      checkFiles(autoencoder, folder.getFileName().toString());
    }
  }

  private Path whole(Path folder, Map<String, Object> json) throws IOException {
    Map<String, Object> shapes = object(json, "weights_by_formula");
    Path copy = Files.createDirectory(temporary.resolve(folder.getFileName().toString()));
    int seed = ((Number) json.get("weights_seed")).intValue();
    return ReferenceModels.whole(folder, copy, shapes == null ? Map.of() : shapes, part -> seed);
  }

  private static void same(String name, INDArray actual, Map<String, INDArray> io) {
    same(name, actual, io.get(name));
  }

  private static void same(String name, INDArray actual, INDArray expected) {
    assertThat(actual.shape()).as(name).isEqualTo(expected.shape());
    assertThat(distance(actual, expected)).as(name).isLessThanOrEqualTo(TOLERANCE);
    actual.close();
  }

  private static void checkKl(AutoencoderKL kl, Map<String, INDArray> io) {
    INDArray x = io.get("x");
    Moments moments = kl.moments(x);
    same("z", moments.sample(io.get("noise")), io);
    same("mean", moments.mean(), io);
    same("logvar", moments.logVariance(), io);
    same("mode", kl.encode(x), io.get("mean"));
    same("z", kl.encode(x, io.get("noise")), io);
    same("reconstruction", kl.decode(io.get("z")), io);
    same("decoded", kl.decode(io.get("z_in")), io);
    if (io.containsKey("tiled_decoded")) {
      same("tiled_mean", kl.tiled().encode(x), io);
      same("tiled_decoded", kl.tiled().decode(io.get("z_in")), io);
    }
  }

  private static void checkGradients(
      AutoencoderKL kl, Map<String, INDArray> io, Map<String, Object> json) {
    INDArray x = io.get("x");
    double klWeight = ((Number) json.get("kl_weight")).doubleValue();
    KlGraph graph = new KlGraph(kl.config(), (int) x.size(2), (int) x.size(3));
    Layers layers = Layers.sharing(kl.weights());
    graph.build(layers);
    Map<String, INDArray> inputs = Map.of(Graphs.SAMPLE, x, KlGraph.NOISE, io.get("noise"));
    long[] shape = {x.size(0), graph.outputs()};
    List<String> all = new ArrayList<>(kl.weights().keySet());
    all.add(Graphs.SAMPLE);
    try (GraphRunner runner = GraphRunner.sharing(layers.sd)) {
      try (LossGradients gradients =
          runner.gradients(inputs, shape, new KlLoss(kl.config(), klWeight).of(x), null, all)) {
        assertThat(gradients.losses().sum())
            .isCloseTo(((Number) json.get("loss")).doubleValue(), within(LOSS_TOLERANCE));
        ReferenceGradients.requireSame(
            "x", gradients.gradients().get(Graphs.SAMPLE), io.get("grad_x"));
        ReferenceGradients.check(gradients.gradients(), io, json);
      }
      try (LossGradients gradients =
          runner.gradients(inputs, shape, new KlLoss(kl.config(), 0).of(x), null, all)) {
        double reconstruction = gradients.losses().sum();
        assertThat(reconstruction)
            .isCloseTo(io.get("loss_reconstruction").getDouble(0), within(LOSS_TOLERANCE));
      }
      if (System.getProperty(GraphRunner.PROPERTY) == null) {
        assertThat(runner.isPlanned()).isTrue();
      }
    }
  }

  private static void checkVq(VQModel vq, Map<String, INDArray> io) {
    INDArray z = io.get("z_in");
    same("latents", vq.encode(io.get("x")), io);
    same("quantized", vq.quantize(z), io);
    assertThat(vq.indices(z)).isEqualTo(io.get("indices").dup('c').data().asInt());
    same("decoded", vq.decode(z), io);
    same("decoded_not_quantized", vq.decodeWithoutCodebook(z), io);
    try (INDArray latents = vq.encode(io.get("x"))) {
      same("reconstruction", vq.decode(latents), io);
    }
  }

  private static void checkTiny(AutoencoderTiny tiny, Map<String, INDArray> io) {
    INDArray z = io.get("z_in");
    same("latents", tiny.encode(io.get("x")), io);
    same("decoded", tiny.decode(z), io);
    same("scaled_latents", tiny.toUnitInterval(z), io);
    same("unscaled_latents", tiny.fromUnitInterval(z), io);
    // The reference stores the latents between its networks as bytes.
    INDArray bytes = Transforms.round(tiny.toUnitInterval(io.get("latents")).mul(255));
    same("reconstruction", tiny.decode(tiny.fromUnitInterval(bytes.div(255))), io);
  }

  /** Saved, loaded and saved again, files are the same bytes. */
  private void checkFiles(Autoencoder autoencoder, String name) throws IOException {
    Path first = temporary.resolve(name + "-1");
    Path second = temporary.resolve(name + "-2");
    autoencoder.save(first);
    try (Autoencoder again = Autoencoder.load(first)) {
      again.save(second);
    }
    for (String file : List.of("config.json", "diffusion_pytorch_model.safetensors")) {
      assertThat(second.resolve(file)).hasSameBinaryContentAs(first.resolve(file));
    }
  }
}
