package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.junit.jupiter.api.Test;

/** One model, one sampler, many threads. */
class SamplingThreadsTest {

  private static final int THREADS = 32;
  private static final int REQUESTS = 200;

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
    Denoiser model =
        ClassifierFreeGuidance.of(
            new ClassMixtureDenoiser(
                MixtureDenoiser.inThePlane(NoiseSchedule.linear(100), Prediction.VELOCITY)),
            2);
    Sampler sampler = new DdimSampler(3, 0.5);
    List<float[]> alone = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      alone.add(SamplerMechanics.samples(sampler, model, request(i)));
    }
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      List<Future<float[]>> together = new ArrayList<>();
      for (int i = 0; i < REQUESTS; i++) {
        SamplingRequest request = request(i);
        together.add(pool.submit(() -> SamplerMechanics.samples(sampler, model, request)));
      }
      for (int i = 0; i < REQUESTS; i++) {
        assertThat(together.get(i).get()).as("request %s", i).isEqualTo(alone.get(i));
      }
    } finally {
      pool.shutdownNow();
    }
  }
}
