package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class PlanConcurrencyTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);
  private static final int THREADS = 8;
  private static final int MOST = 9;

  private static UNet unet(UNetConfig config) {
    return UNet.create(config, SCHEDULE, 1);
  }

  private static UNetConfig attention() {
    return Architectures.tiny().downBlocks(Block.PLAIN, Block.ATTENTION).build();
  }

  private static INDArray samples(long... shape) {
    return PlanAndSession.gaussian(new Random(shape[0]), shape);
  }

  private static INDArray times(int n) {
    return PlanAndSession.times(new Random(1), n).reshape(n);
  }

  private static INDArray first(INDArray array, int n) {
    return array.get(NDArrayIndex.interval(0, n)).dup('c');
  }

  private static void inThreads(Callable<?>... work) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(work.length);
    try {
      List<Future<?>> futures = new ArrayList<>();
      for (Callable<?> task : work) {
        futures.add(pool.submit(task));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void predict_byEightThreads_givesTheBitsOfOne() throws Exception {
    try (UNet model = unet(attention())) {
      predictInThreads(model, 1, 8, 8);
    }
  }

  @Test
  void predict_byEightThreadsWithOperationsOfNd4j_givesTheBitsOfOne() throws Exception {
    try (SameDiffDenoiser model =
        new SameDiffDenoiser(
            OwnGraphs.everything().get(), new long[] {6}, SCHEDULE, Prediction.SAMPLE)) {
      predictInThreads(model, 6);
    }
  }

  private static void predictInThreads(SameDiffDenoiser model, long... sample) throws Exception {
    List<INDArray> expected = new ArrayList<>();
    for (int n = 1; n <= MOST; n++) {
      expected.add(model.predict(samples(shape(n, sample)), times(n), Condition.none()));
    }
    Callable<?>[] work = new Callable<?>[THREADS];
    for (int thread = 0; thread < THREADS; thread++) {
      Random random = new Random(thread);
      work[thread] =
          () -> {
            for (int round = 0; round < 30; round++) {
              int n = 1 + random.nextInt(MOST);
              try (INDArray y =
                  model.predict(samples(shape(n, sample)), times(n), Condition.none())) {
                assertThat(y).isEqualTo(expected.get(n - 1));
              }
            }
            return null;
          };
    }
    inThreads(work);
  }

  private static long[] shape(int n, long... sample) {
    long[] shape = new long[sample.length + 1];
    shape[0] = n;
    System.arraycopy(sample, 0, shape, 1, sample.length);
    return shape;
  }

  @Test
  void gradients_byFourThreads_areTheBitsOfOne() throws Exception {
    try (UNet model = unet(attention())) {
      List<Map<String, INDArray>> expected = new ArrayList<>();
      for (int n = 1; n <= 4; n++) {
        try (Gradients gradients = gradients(model, n)) {
          Map<String, INDArray> copy = new HashMap<>();
          gradients.of().forEach((name, array) -> copy.put(name, array.dup()));
          expected.add(copy);
        }
      }
      Callable<?>[] work = new Callable<?>[4];
      for (int thread = 0; thread < work.length; thread++) {
        Random random = new Random(thread);
        work[thread] =
            () -> {
              for (int round = 0; round < 10; round++) {
                int n = 1 + random.nextInt(4);
                try (Gradients gradients = gradients(model, n)) {
                  assertThat(gradients.of()).isEqualTo(expected.get(n - 1));
                }
              }
              return null;
            };
      }
      inThreads(work);
    }
  }

  private static Gradients gradients(UNet model, int n) {
    return model.gradients(samples(n, 1, 8, 8), times(n), Condition.none(), samples(n, 1, 8, 8));
  }

  static Stream<Named<UNetConfig>> architectures() {
    Map<String, UNetConfig> all = new HashMap<>(Architectures.all());
    all.putAll(Architectures.combined());
    return all.entrySet().stream()
        .filter(e -> e.getValue().time().trainTimesteps().isEmpty())
        .map(e -> Named.of(e.getKey(), e.getValue()));
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void predict_inABatchOfAnySize_givesEachSampleTheSameBits(UNetConfig config) {
    try (UNet model = unet(config)) {
      INDArray x = samples(MOST, config.sampleChannels(), config.height(), config.width());
      INDArray t = times(MOST).addi(1).divi(2);
      int[] labels = {0, 1, 2, 2, 1, 0, 1, 2, 0};
      Condition all =
          Condition.several(
              model.classes() == 0 ? Condition.none() : Condition.labels(labels),
              config.pictureChannels() == 0
                  ? Condition.none()
                  : Condition.pictures(
                      samples(MOST, config.pictureChannels(), config.height(), config.width())));
      INDArray expected = model.predict(x, t, all);
      for (int n = 1; n < MOST; n++) {
        Condition some = all.isNone() ? all : all.slice(0, n);
        INDArray y = model.predict(first(x, n), first(t, n), some);
        assertThat(y.data().asFloat())
            .as("batch of %s", n)
            .isEqualTo(first(expected, n).data().asFloat());
      }
      for (int i = 0; i < MOST; i++) {
        Condition one = all.isNone() ? all : all.slice(i, i + 1);
        INDArray y =
            model.predict(
                x.get(NDArrayIndex.interval(i, i + 1)), Nd4j.createFromArray(t.getFloat(i)), one);
        assertThat(y.data().asFloat())
            .as("sample %s", i)
            .isEqualTo(expected.get(NDArrayIndex.interval(i, i + 1)).dup('c').data().asFloat());
      }
    }
  }
}
