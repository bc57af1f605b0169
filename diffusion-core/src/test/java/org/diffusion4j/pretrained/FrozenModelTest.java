package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.internal.files.DiffusersFormat;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.NetworkConfig;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class FrozenModelTest {

  private static final UNetConfig UNET =
      UNetConfig.builder(3, 8, 8)
          .blockOutChannels(8, 16)
          .layersPerBlock(1)
          .normGroups(4)
          .downBlocks(UNetConfig.Block.PLAIN, UNetConfig.Block.ATTENTION)
          .upBlocks(UNetConfig.Block.ATTENTION, UNetConfig.Block.PLAIN)
          .build();

  @TempDir private Path temporary;

  private static Stream<Arguments> models() {
    return Stream.of(
        Arguments.of("U-Net", UNET, DataType.FLOAT),
        Arguments.of("U-Net of 16 bits", UNET, DataType.HALF),
        Arguments.of(
            "Fourier embedding",
            UNetConfig.builder(3, 8, 8)
                .blockOutChannels(8)
                .layersPerBlock(1)
                .normGroups(4)
                .timeEmbedding(UNetConfig.TimeEmbedding.FOURIER)
                .build(),
            DataType.FLOAT),
        Arguments.of("MLP", new Mlp.Config(6, 40, 2, 0, false, 0), DataType.BFLOAT16));
  }

  /** Writes a model with weights of a type in its file. */
  private Path directory(NetworkConfig config, DataType type) throws IOException {
    Path directory = temporary.resolve(type.name());
    try (SameDiffDenoiser model = config.create(NoiseSchedule.cosine(100), Prediction.EPSILON, 7)) {
      PretrainedModel.of(model).save(directory);
    }
    if (type != DataType.FLOAT) {
      Path file = weights(directory);
      Map<String, INDArray> narrow = new LinkedHashMap<>();
      try (Safetensors tensors = Safetensors.open(file)) {
        for (String name : tensors.names()) {
          narrow.put(name, tensors.read(name).castTo(type));
        }
      }
      Safetensors.write(file, narrow, Map.of("format", "pt"));
    }
    return directory;
  }

  private static Path weights(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(file -> file.endsWith(DiffusersFormat.WEIGHTS)).findAny().orElseThrow();
    }
  }

  private static float[] predict(SameDiffDenoiser model, int n) {
    Random random = new Random(n);
    long[] shape = new long[model.sampleShape().length + 1];
    shape[0] = n;
    System.arraycopy(model.sampleShape(), 0, shape, 1, shape.length - 1);
    float[] values = new float[Math.toIntExact(n * Nd4j.zeros(model.sampleShape()).length())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    try (INDArray x = Nd4j.create(values, shape, 'c');
        INDArray t = Nd4j.valueArrayOf(new long[] {n}, 40f, DataType.FLOAT);
        INDArray y = model.predict(x, t, Condition.none())) {
      return y.data().asFloat();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("models")
  void predictions_equalThoseOfTheLoadedModel(String name, NetworkConfig config, DataType type)
      throws IOException {
    Path directory = directory(config, type);
    try (PretrainedModel loaded = PretrainedModel.load(directory);
        PretrainedModel frozen = PretrainedModel.loadFrozen(directory)) {
      for (int n = 1; n < 4; n += 2) {
        assertThat(predict(frozen.model(), n)).isEqualTo(predict(loaded.model(), n));
      }
      assertThat(frozen.model().parameterCount()).isEqualTo(loaded.model().parameterCount());
    }
  }

  @Test
  void frozenModel_isNotDifferentiable() throws IOException {
    Path directory = directory(new Mlp.Config(6, 40, 2, 0, false, 0), DataType.FLOAT);
    SampleLoss loss =
        (i, x0, gradient) -> {
          gradient[0] = 1;
          return x0[0];
        };
    try (PretrainedModel loaded = PretrainedModel.load(directory);
        PretrainedModel frozen = PretrainedModel.loadFrozen(directory);
        INDArray x = Nd4j.ones(DataType.FLOAT, 2, 6);
        INDArray t = Nd4j.valueArrayOf(new long[] {2}, 40f, DataType.FLOAT)) {
      assertThat(loaded.model().isDifferentiable()).isTrue();
      assertThat(loaded.model().inputGradientBytes(2)).isPresent();
      assertThat(frozen.model().isDifferentiable()).isFalse();
      assertThat(frozen.model().inputGradientBytes(2)).isEmpty();
      assertThatIllegalStateException()
          .isThrownBy(() -> frozen.model().inputGradient(x, t, Condition.none(), loss))
          .withMessageContaining("frozen");
      try (INDArray plain = frozen.model().predict(x, t, Condition.none());
          INDArray guided = frozen.model().guidedByLoss(loss, 1).predict(x, t, Condition.none())) {
        double alphaBar = NoiseSchedule.cosine(100).alphaBar(40);
        assertThat(guided.getDouble(0, 0) - plain.getDouble(0, 0))
            .as("with sqrt(alphaBar) for the derivative of the network")
            .isCloseTo(Math.sqrt((1 - alphaBar) * alphaBar), within(1e-5));
      }
    }
  }

  @Test
  void memory_isThatOfOneCopyOfTheWeights() throws IOException {
    try (PretrainedModel loaded = PretrainedModel.load(directory(UNET, DataType.FLOAT));
        PretrainedModel wide = PretrainedModel.loadFrozen(directory(UNET, DataType.FLOAT));
        PretrainedModel narrow = PretrainedModel.loadFrozen(directory(UNET, DataType.HALF))) {
      long weights = loaded.model().weightBytes();
      long workspaces = loaded.model().predictionBytes(1).orElseThrow() - packed(loaded);
      assertThat(wide.model().weightBytes()).isZero();
      assertThat(wide.model().planBytes()).isZero();
      predict(wide.model(), 1);
      predict(narrow.model(), 1);
      assertThat(wide.model().planBytes())
          .isEqualTo(wide.model().predictionBytes(1).orElseThrow())
          .isBetween(weights, weights + workspaces + weights / 10);
      assertThat(narrow.model().planBytes())
          .isEqualTo(narrow.model().predictionBytes(1).orElseThrow())
          .isLessThan(wide.model().planBytes() - weights / 3);
    }
  }

  /** The convolutions have a packed copy. */
  private static long packed(PretrainedModel model) {
    return 4
        * model.model().weights().values().stream()
            .filter(weight -> weight.rank() == 4)
            .mapToLong(INDArray::length)
            .sum();
  }

  @Test
  void close_releasesAllMemory() throws IOException {
    PretrainedModel model = PretrainedModel.loadFrozen(directory(UNET, DataType.HALF));
    predict(model.model(), 2);
    assertThat(model.model().planBytes()).isPositive();
    model.close();
    assertThat(model.model().planBytes()).isZero();
    assertThatIllegalStateException().isThrownBy(() -> predict(model.model(), 1));
  }

  @Test
  void predictions_ofManyThreads_areEqual() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try (PretrainedModel model = PretrainedModel.loadFrozen(directory(UNET, DataType.HALF))) {
      Callable<float[]> call = () -> predict(model.model(), 2);
      List<Future<float[]>> results = threads.invokeAll(Collections.nCopies(16, call));
      float[] expected = predict(model.model(), 2);
      for (Future<float[]> result : results) {
        assertThat(result.get()).isEqualTo(expected);
      }
    } finally {
      threads.shutdown();
    }
  }

  /** An interrupt closes the file that a thread reads. */
  @Test
  void predict_onAnInterruptedThread_readsTheWeights() throws IOException {
    Path directory = directory(UNET, DataType.FLOAT);
    try (PretrainedModel loaded = PretrainedModel.load(directory);
        PretrainedModel frozen = PretrainedModel.loadFrozen(directory)) {
      Thread.currentThread().interrupt();
      float[] values = predict(frozen.model(), 1);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(values).isEqualTo(predict(loaded.model(), 1));
    }
  }

  @Test
  void predict_afterTheDirectoryWasReplaced_usesTheWeightsThatWereLoaded() throws IOException {
    Path directory = directory(UNET, DataType.FLOAT);
    try (PretrainedModel loaded = PretrainedModel.load(directory);
        PretrainedModel frozen = PretrainedModel.loadFrozen(directory);
        SameDiffDenoiser other = UNET.create(NoiseSchedule.cosine(100), Prediction.EPSILON, 8)) {
      PretrainedModel.of(other).save(directory);
      assertThat(predict(frozen.model(), 1)).isEqualTo(predict(loaded.model(), 1));
    }
  }

  private enum Refused {
    PARAMETERS,
    WEIGHTS,
    GRADIENTS,
    GRADIENT_BYTES,
    SAVE
  }

  @ParameterizedTest
  @EnumSource
  void whatNeedsTheWeights_isRefused(Refused what) throws IOException {
    try (PretrainedModel frozen = PretrainedModel.loadFrozen(directory(UNET, DataType.FLOAT));
        INDArray x = Nd4j.zeros(DataType.FLOAT, 1, 3, 8, 8);
        INDArray t = Nd4j.zeros(DataType.FLOAT, 1)) {
      SameDiffDenoiser model = frozen.model();
      ThrowingCallable call =
          switch (what) {
            case PARAMETERS -> model::parameters;
            case WEIGHTS -> model::weights;
            case GRADIENTS -> () -> model.gradients(x, t, Condition.none(), x, List.of("sample"));
            case GRADIENT_BYTES -> () -> model.gradientBytes(1);
            case SAVE -> () -> frozen.save(temporary.resolve("copy"));
          };
      assertThatIllegalStateException()
          .isThrownBy(call)
          .withMessageContaining("this one was loaded frozen");
    }
  }
}
