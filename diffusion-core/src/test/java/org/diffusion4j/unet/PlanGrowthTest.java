package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.IntConsumer;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;

/** That the process holds no more after thousands of runs. Takes minutes: {@code -Pslow}. */
@Tag("slow")
class PlanGrowthTest {

  private static final int EARLY = 200;
  private static final int LATE = 2000;
  private static final Path STATUS = Path.of("/proc/self/status");

  private static UNet unet() {
    return unet(Architectures.tiny());
  }

  private static UNet unet(UNetConfig.Builder builder) {
    UNetConfig config = builder.downBlocks(Block.PLAIN, Block.ATTENTION).build();
    return UNet.create(config, NoiseSchedule.linear(100), 1);
  }

  private static INDArray samples(int n) {
    return PlanAndSession.gaussian(new Random(n), n, 1, 8, 8);
  }

  /** Resident memory in bytes; what waits for the garbage collector is given to it first. */
  private static long resident() {
    try {
      for (int i = 0; i < 3; i++) {
        System.gc();
        Thread.sleep(200);
      }
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
      throw new IllegalStateException(STATUS + " must give VmRSS");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void requireNoGrowth(IntConsumer run) {
    assumeTrue(Files.exists(STATUS), "needs Linux");
    run.accept(EARLY);
    long early = resident();
    run.accept(LATE - EARLY);
    long late = resident();
    assertThat(late)
        .as("bytes after %s, from %s", LATE, early)
        .isLessThan(early / 20 * 21 + (8L << 20));
  }

  @Test
  void predict_twoThousandTimes_holdsNoMoreMemory() {
    try (UNet model = unet()) {
      requireNoGrowth(
          count -> {
            for (int i = 0; i < count; i++) {
              int n = 1 + i % 9;
              try (INDArray x = samples(n);
                  INDArray t = Nd4j.zeros(DataType.FLOAT, n)) {
                model.predict(x, t, Condition.none()).close();
              }
            }
          });
    }
  }

  @Test
  void sample_twoThousandTimes_holdsNoMoreMemory() {
    DdimSampler sampler = new DdimSampler(2, 1);
    try (UNet model = unet(Architectures.tiny().classes(3).nullClass(true))) {
      Denoiser guided = ClassifierFreeGuidance.builder(model, 2).twoCalls().build();
      requireNoGrowth(
          count -> {
            for (int i = 0; i < count; i++) {
              CancelToken token = new CancelToken();
              boolean cancels = i % 4 == 3;
              SamplingRequest.Builder request =
                  SamplingRequest.builder(1 + i % 7)
                      .batchSize(3)
                      .seed(i)
                      .condition(Condition.label(2, 1 + i % 7))
                      .cancelToken(token)
                      .trajectory(1)
                      .listener(
                          step -> {
                            if (cancels) {
                              token.cancel();
                            }
                          });
              try (SamplingResult result =
                  sampler.sample(i % 2 == 0 ? model : guided, request.build())) {
                assertThat(result.samples().size(0)).isEqualTo(1 + i % 7);
              } catch (SamplingCancelledException expected) {
                assertThat(cancels).isTrue();
              }
            }
          });
    }
  }

  @Test
  void train_twoThousandSteps_holdsNoMoreMemory() {
    DataSet data = new DataSet(samples(14), Nd4j.zeros(DataType.FLOAT, 14, 1));
    try (UNet model = unet();
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).build()) {
      requireNoGrowth(count -> trainer.train(new ViewIterator(data, 5), count));
    }
  }
}
