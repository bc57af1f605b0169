package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.X0Correction;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Guidance by a loss of the clean samples, through networks. */
class LossGuidanceTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);

  /** How far the mean of a sample is from 0.5. */
  private static final SampleLoss BRIGHTNESS =
      (sample, x0, gradient) -> {
        double error = -0.5;
        for (float value : x0) {
          error += value / x0.length;
        }
        for (int k = 0; k < x0.length; k++) {
          gradient[k] = (float) (2 * error / x0.length);
        }
        return error * error;
      };

  static Stream<Named<Supplier<SameDiffDenoiser>>> models() {
    Supplier<SameDiffDenoiser> mlp = () -> Mlp.create(new Mlp.Config(5, 24, 2), SCHEDULE, 1);
    return Stream.of(
        Named.of("U-Net", () -> UNet.create(Architectures.tiny().build(), SCHEDULE, 1)),
        Named.of(
            "U-Net with a variance",
            () -> UNet.create(Architectures.tiny().outChannels(2).build(), SCHEDULE, 1)),
        Named.of(
            "velocities",
            () -> Mlp.create(new Mlp.Config(5, 24, 2), SCHEDULE, Prediction.VELOCITY, 1)),
        Named.of("in a session", () -> PlanAndSession.inSession(mlp)));
  }

  private static INDArray normal(int seed, int n, long... sampleShape) {
    long[] shape = new long[sampleShape.length + 1];
    shape[0] = n;
    System.arraycopy(sampleShape, 0, shape, 1, sampleShape.length);
    return PlanAndSession.gaussian(new Random(seed), shape);
  }

  private static INDArray times(int n) {
    return Nd4j.valueArrayOf(new long[] {n}, 30f, DataType.FLOAT);
  }

  /** The loss of the clean samples that a model predicts, of all samples. */
  private static double loss(SameDiffDenoiser model, INDArray x) {
    float[] output = model.predict(x, times(2), Condition.none()).dup('c').data().asFloat();
    int size = (int) x.length() / 2;
    double sum = 0;
    for (int i = 0; i < 2; i++) {
      float[] own = new float[size];
      System.arraycopy(output, i * output.length / 2, own, 0, size);
      INDArray x0 =
          model
              .prediction()
              .x0(
                  x.slice(i).dup('c').reshape(size),
                  Nd4j.createFromArray(own),
                  SCHEDULE.alphaBar(30));
      sum += BRIGHTNESS.of(i, x0.data().asFloat(), new float[size]);
    }
    return sum;
  }

  @ParameterizedTest
  @MethodSource("models")
  void prediction_movesAlongTheGradientThroughTheNetwork(Supplier<SameDiffDenoiser> make) {
    try (SameDiffDenoiser model = make.get()) {
      assertThat(model.isDifferentiable()).isTrue();
      INDArray x = normal(3, 2, model.sampleShape());
      INDArray plain = model.predict(x, times(2), Condition.none());
      INDArray guided = model.guidedByLoss(BRIGHTNESS, 1).predict(x, times(2), Condition.none());
      Level level = Level.of(SCHEDULE.alphaBar(30));
      double factor =
          model.prediction() == Prediction.EPSILON ? level.noise() : level.noise() / level.signal();
      INDArray moved = guided.sub(plain).div(factor);
      INDArray direction = normal(4, 2, model.sampleShape());
      double slope = 0;
      for (int i = 0; i < 2; i++) {
        float[] a = moved.slice(i).dup('c').data().asFloat();
        float[] b = direction.slice(i).dup('c').data().asFloat();
        for (int k = 0; k < b.length; k++) { // a learned variance is behind them
          slope += a[k] * b[k];
        }
        for (int k = b.length; k < a.length; k++) {
          assertThat(a[k]).isZero();
        }
      }
      double h = 1e-2;
      double measured =
          (loss(model, x.add(direction.mul(h))) - loss(model, x.sub(direction.mul(h)))) / (2 * h);
      assertThat(slope).isCloseTo(measured, within(0.02 * Math.abs(measured) + 1e-4));
    }
  }

  /** Also inside of classifier-free guidance, whose batches hold the samples twice. */
  @Test
  void samples_areGuided() {
    UNetConfig config = Architectures.tiny().classes(3).nullClass(true).build();
    try (SameDiffDenoiser model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      Denoiser guided = ClassifierFreeGuidance.of(model.guidedByLoss(BRIGHTNESS, 200), 2);
      SamplingRequest request =
          SamplingRequest.builder(2).seed(1).condition(Condition.labels(0, 2)).build();
      DdimSampler sampler = new DdimSampler(10).withCorrection(X0Correction.clip(1));
      double before = distance(sampler.sample(model, request).samples());
      double after = distance(sampler.sample(guided, request).samples());
      assertThat(after).isLessThan(0.5 * before);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void inputGradientBytes_areWhatAGradientTakes(Supplier<SameDiffDenoiser> make) {
    try (SameDiffDenoiser model = make.get();
        INDArray x = normal(3, 2, model.sampleShape())) {
      model.inputGradient(x, times(2), Condition.none(), BRIGHTNESS).close();
      if (model.runner().isPlanned()) {
        assertThat(model.inputGradientBytes(2))
            .hasValue(model.planBytes() + Float.BYTES * x.length());
      } else {
        assertThat(model.inputGradientBytes(2)).isEmpty();
      }
    }
  }

  @Test
  void memoryLimit_dividesGuidedSamples() {
    UNetConfig config = Architectures.tiny().dropout(0.1).build();
    try (SameDiffDenoiser model = UNet.create(config, NoiseSchedule.linear(1000), 1)) {
      Denoiser guided = model.guidedByLoss(BRIGHTNESS, 200);
      SamplingRequest.Builder request = SamplingRequest.builder(3).seed(1);
      long ofOne = guided.predictionBytes(1).orElseThrow();
      assertThat(ofOne).isGreaterThan(model.predictionBytes(1).orElseThrow());
      DdimSampler sampler = new DdimSampler(2);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> sampler.sample(guided, request.memoryLimit(ofOne).build()))
          .withMessageStartingWith("memory limit must be at least");
      try (SamplingResult one =
              sampler.sample(guided, request.memoryLimit(ofOne + 256 * (16 + 8)).build());
          SamplingResult all = sampler.sample(guided, SamplingRequest.builder(3).seed(1).build())) {
        assertThat(one.denoiserCalls()).isGreaterThan(all.denoiserCalls());
        assertThat(one.samples().equalsWithEps(all.samples(), 1e-4)).isTrue();
      }
    }
  }

  private static double distance(INDArray samples) {
    return Math.abs(samples.meanNumber().doubleValue() - 0.5);
  }

  @Test
  void inputGradient_ofAClosedModel_isRefused() {
    SameDiffDenoiser model = Mlp.create(new Mlp.Config(5, 24, 2), SCHEDULE, 1);
    model.close();
    assertThatIllegalStateException()
        .isThrownBy(
            () -> model.inputGradient(normal(1, 2, 5), times(2), Condition.none(), BRIGHTNESS));
    assertThat(model.guidedByLoss(BRIGHTNESS, 1).toString()).startsWith("LossGuidance[scale=");
  }
}
