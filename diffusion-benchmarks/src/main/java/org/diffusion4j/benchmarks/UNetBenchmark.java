package org.diffusion4j.benchmarks;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.diffusion4j.TrainingListener;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A prediction and a training step of a small U-Net: 8 samples of 1x16x16. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgs = "-Xmx2g")
public class UNetBenchmark {

  private static final Net NET = new Net("small", 16, 1, 16, List.of(1, 2));
  private static final int BATCH = 8;

  private final OurNetwork network = new OurNetwork(NET, BATCH, ComputeType.FLOAT32);

  /** Frees the network. */
  @TearDown(Level.Trial)
  public void close() {
    network.close();
  }

  /** A prediction. */
  @Benchmark
  public void predict() {
    network.predict();
  }

  /** A training step. */
  @Benchmark
  public void train() {
    network.train(1, TrainingListener.NONE);
  }
}
