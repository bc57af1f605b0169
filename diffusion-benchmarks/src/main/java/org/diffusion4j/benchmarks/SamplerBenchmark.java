package org.diffusion4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.DdpmSampler;
import org.diffusion4j.samplers.DdpmSampler.Variance;
import org.diffusion4j.samplers.Timesteps;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The time of a sampler's step without the model: 16 samples of 1x32x32 with a denoiser that only
 * creates an array.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgs = "-Xmx2g")
public class SamplerBenchmark {

  private static final int BATCH = 16;
  private static final int STEPS = 50;

  private final Denoiser model = new Idle(NoiseSchedule.linear(1000));
  private final SamplingRequest request =
      SamplingRequest.builder(BATCH).seed(0).batchSize(BATCH).build();
  private final Sampler ddim = new DdimSampler(STEPS);
  private final Sampler ddpm =
      DdpmSampler.of(Variance.POSTERIOR, Timesteps.of(STEPS, Timesteps.Spacing.TRAILING));

  /** A step of deterministic DDIM. */
  @Benchmark
  @OperationsPerInvocation(STEPS)
  public void ddim() {
    ddim.sample(model, request).samples().close();
  }

  /** A step of DDPM, which draws noise. */
  @Benchmark
  @OperationsPerInvocation(STEPS)
  public void ddpm() {
    ddpm.sample(model, request).samples().close();
  }

  /** Predicts zero noise. */
  private record Idle(NoiseSchedule schedule) implements Denoiser {

    @Override
    public long[] sampleShape() {
      return new long[] {1, 32, 32};
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      return xt.ulike();
    }
  }
}
