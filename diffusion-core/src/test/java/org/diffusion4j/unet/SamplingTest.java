package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Samplers and guidance on a U-Net. */
class SamplingTest {

  private static final int THREADS = 32;
  private static final int REQUESTS = 200;
  private static final Sampler SAMPLER = new DdimSampler(2, 0.5);

  /** Two classes, and one of samples without a label. */
  private static UNet unet() {
    UNetConfig config =
        Architectures.tiny()
            .downBlocks(Block.PLAIN, Block.ATTENTION)
            .classes(2)
            .nullClass(true)
            .build();
    return UNet.create(config, NoiseSchedule.linear(100), 1);
  }

  private static float[] samples(Denoiser model, SamplingRequest request) {
    try (SamplingResult result = SAMPLER.sample(model, request)) {
      return result.samples().data().asFloat();
    }
  }

  private static SamplingRequest request(int number) {
    Random random = new Random(number);
    int count = 1 + random.nextInt(6);
    return SamplingRequest.builder(count)
        .batchSize(1 + random.nextInt(4))
        .seed(number)
        .condition(Condition.label(random.nextInt(2), count))
        .build();
  }

  @Test
  void sample_ofManyRequestsInManyThreadsIsAsInOne() throws Exception {
    try (UNet model = unet()) {
      List<float[]> alone = new ArrayList<>();
      for (int i = 0; i < REQUESTS; i++) {
        alone.add(samples(model, request(i)));
      }
      ExecutorService pool = Executors.newFixedThreadPool(THREADS);
      try {
        List<Future<float[]>> together = new ArrayList<>();
        for (int i = 0; i < REQUESTS; i++) {
          SamplingRequest request = request(i);
          together.add(pool.submit(() -> samples(model, request)));
        }
        for (int i = 0; i < REQUESTS; i++) {
          assertThat(together.get(i).get()).as("request %s", i).isEqualTo(alone.get(i));
        }
      } finally {
        pool.shutdownNow();
      }
    }
  }

  @Test
  void guidance_inOneCallIsThatInTwo() {
    try (UNet model = unet();
        INDArray x = PlanAndSession.gaussian(new Random(1), 5, 1, 8, 8);
        INDArray t = PlanAndSession.times(new Random(1), 5).reshape(5).dup()) {
      Condition labels = Condition.labels(0, 1, Condition.UNLABELLED, 1, 0);
      ClassifierFreeGuidance.Builder builder =
          ClassifierFreeGuidance.builder(model, 4).rescale(0.7);
      float[] one = builder.build().predict(x, t, labels).data().asFloat();
      float[] two = builder.twoCalls().build().predict(x, t, labels).data().asFloat();
      float[] conditional = model.predict(x, t, labels).data().asFloat();
      for (int i = 0; i < one.length; i++) {
        assertThat(two[i]).isCloseTo(one[i], within(1e-5f));
      }
      for (int i = 0; i < 5; i++) {
        double difference = 0;
        for (int k = 64 * i; k < 64 * (i + 1); k++) {
          difference = Math.max(difference, Math.abs(one[k] - conditional[k]));
        }
        if (labels.labels()[i] == Condition.UNLABELLED) {
          assertThat(difference).as("sample %s", i).isLessThan(1e-5);
        } else {
          assertThat(difference).as("sample %s", i).isGreaterThan(1e-3);
        }
      }
    }
  }

  @Test
  void guidance_atScaleOneAndZeroIsTheModel() {
    try (UNet model = unet()) {
      Condition labels = Condition.labels(0, 1, 0);
      SamplingRequest conditional = SamplingRequest.builder(3).seed(0).condition(labels).build();
      assertThat(samples(ClassifierFreeGuidance.of(model, 1), conditional))
          .isEqualTo(samples(model, conditional));
      assertThat(samples(ClassifierFreeGuidance.of(model, 0), conditional))
          .isEqualTo(samples(model, SamplingRequest.builder(3).seed(0).build()));
    }
  }

  @Test
  void memoryLimit_changesNoSampleAndMakesBatchesThatFit() {
    try (UNet model = unet()) {
      SamplingRequest free = SamplingRequest.builder(8).seed(0).build();
      // 16 arrays of a batch and the result, of 64 floats a sample.
      long enoughForTwo = model.predictionBytes(2).orElseThrow() + 256 * (16 * 2 + 8);
      List<Integer> batches = new ArrayList<>();
      SamplingRequest limited =
          SamplingRequest.builder(8)
              .seed(0)
              .memoryLimit(enoughForTwo)
              .listener(
                  step -> {
                    if (step.index() == 0) {
                      batches.add((int) step.x().size(0));
                    }
                  })
              .build();
      assertThat(samples(model, limited)).isEqualTo(samples(model, free));
      assertThat(batches).containsExactly(2, 2, 2, 2);
      SamplingRequest tooLittle = SamplingRequest.builder(8).seed(0).memoryLimit(1000).build();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> samples(model, tooLittle))
          .withMessageContaining("memory limit must be at least");
    }
  }

  @Test
  void cancelAndInterrupt_leaveTheModelAsGoodAsBefore() {
    try (UNet model = unet()) {
      SamplingRequest request = SamplingRequest.builder(4).seed(0).batchSize(3).build();
      float[] expected = samples(model, request);
      CancelToken token = new CancelToken();
      SamplingRequest cancelled =
          SamplingRequest.builder(4)
              .seed(0)
              .cancelToken(token)
              .listener(step -> token.cancel())
              .build();
      SamplingRequest interrupted =
          SamplingRequest.builder(4)
              .seed(0)
              .listener(step -> Thread.currentThread().interrupt())
              .build();
      assertThat(calls(model, cancelled)).isEqualTo(1);
      assertThat(calls(model, interrupted)).isEqualTo(1);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(samples(model, request)).isEqualTo(expected);
    }
  }

  /** How many steps a run takes that is cancelled. */
  private static int calls(UNet model, SamplingRequest request) {
    int[] steps = {0};
    SamplingRequest counting =
        SamplingRequest.builder(request.count())
            .seed(0)
            .cancelToken(request.cancelToken())
            .listener(request.listener().andThen(step -> steps[0]++))
            .build();
    try {
      SAMPLER.sample(model, counting).close();
      throw new AssertionError("was not cancelled");
    } catch (SamplingCancelledException expected) {
      return steps[0];
    }
  }
}
