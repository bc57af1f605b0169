package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.Reference;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.X0Correction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * That a run frees what it makes, and leaves nothing but ND4J's descriptions of shapes to the
 * garbage collector, which may come too late for a service.
 */
class OpenArraysTest {

  private static final int RUNS = 5;
  private static UNet model;

  @BeforeAll
  static void createModel() throws InterruptedException {
    // What earlier tests left would otherwise go during these, and hide what these leave.
    System.gc();
    Thread.sleep(200);
    UNetConfig config = Architectures.tiny().classes(2).nullClass(true).build();
    model = UNet.create(config, NoiseSchedule.linear(100), 1);
  }

  @AfterAll
  static void closeModel() {
    model.close();
  }

  /** What ND4J would free when the garbage collector finds it, counted by type and length. */
  private static Map<String, Integer> open() throws ReflectiveOperationException {
    Object service = Nd4j.getDeallocatorService();
    Field field = service.getClass().getDeclaredField("referenceMap");
    field.setAccessible(true);
    Map<String, Integer> open = new TreeMap<>();
    for (Object reference : new ArrayList<>(((Map<?, ?>) field.get(service)).values())) {
      Object owner = ((Reference<?>) reference).get();
      if (owner instanceof DataBuffer buffer) {
        if (buffer.dataType() != DataType.LONG && !buffer.wasClosed()) {
          open.merge(buffer.dataType() + " " + buffer.length(), 1, Integer::sum);
        }
      } else if (owner != null) {
        open.merge(owner.getClass().getSimpleName(), 1, Integer::sum);
      }
    }
    return open;
  }

  private static void assertLeavesNothing(
      Sampler sampler, Denoiser denoiser, UnaryOperator<SamplingRequest.Builder> settings)
      throws ReflectiveOperationException {
    SamplingRequest request =
        settings
            .apply(SamplingRequest.builder(3).seed(1).condition(Condition.labels(0, 1, 1)))
            .build();
    sampler.sample(denoiser, request).close();
    Map<String, Integer> before = open();
    for (int i = 0; i < RUNS; i++) {
      sampler.sample(denoiser, request).close();
    }
    Map<String, Integer> more = open();
    more.replaceAll((kind, count) -> count - before.getOrDefault(kind, 0));
    more.values().removeIf(count -> count <= 0);
    assertThat(more).isEmpty();
  }

  static Iterable<String> samplers() {
    return Samplers.names();
  }

  @ParameterizedTest
  @MethodSource("samplers")
  void sample_leavesNothingOpen(String name) throws ReflectiveOperationException {
    assertLeavesNothing(Samplers.named(name, 4), model, request -> request);
  }

  @Test
  void sample_withGuidance_leavesNothingOpen() throws ReflectiveOperationException {
    Denoiser guided = ClassifierFreeGuidance.builder(model, 3).rescale(0.7).build();
    Denoiser inTwoCalls = ClassifierFreeGuidance.builder(model, 3).twoCalls().build();
    assertLeavesNothing(new DdimSampler(4), guided, request -> request);
    assertLeavesNothing(new DdimSampler(4), inTwoCalls, request -> request);
  }

  @Test
  void sample_withCorrectionTrajectoryAndBatches_leavesNothingOpen()
      throws ReflectiveOperationException {
    Sampler clipped = new DdimSampler(4).withCorrection(X0Correction.clip(1));
    Sampler thresholded = new DdimSampler(4).withCorrection(X0Correction.dynamicThreshold(0.99, 2));
    assertLeavesNothing(clipped, model, request -> request.batchSize(2));
    assertLeavesNothing(thresholded, model, request -> request.trajectory(2));
  }
}
