package org.diffusion4j.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.X0Correction;
import org.diffusion4j.unet.UNet;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Prints the time that each sampler adds to a call of the network: noise, clipping, the formula and
 * the checks. The bare network and the samplers alternate.
 */
@Command(
    name = "SamplerOverhead",
    description = "Times sampling steps beside the calls of the network in them.",
    mixinStandardHelpOptions = true)
public final class SamplerOverhead implements Callable<Integer> {

  private static final int TIMESTEPS = 1000;

  @Option(
      names = "--batch",
      defaultValue = "16",
      converter = AtLeastOne.class,
      description = "Samples at a time; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--rounds",
      defaultValue = "4",
      converter = AtLeastOne.class,
      description = "How often each is timed, after a round to warm up; default ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--steps",
      defaultValue = "10",
      converter = AtLeastOne.class,
      description = "Steps of a run, and calls of the bare network; default ${DEFAULT-VALUE}.")
  private int steps;

  private final PrintStream out;
  private final Net net;

  SamplerOverhead(PrintStream out, Net net) {
    this.out = out;
    this.net = net;
  }

  /** Times the samplers and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new SamplerOverhead(System.out, Net.FASHION)).execute(args));
  }

  @Override
  public Integer call() {
    Map<String, List<Times>> measured = new LinkedHashMap<>();
    try (UNet model = UNet.create(net.unet(), NoiseSchedule.linear(TIMESTEPS), 1);
        INDArray pictures = OurNetwork.pictures(net, batch);
        INDArray t =
            Nd4j.valueArrayOf(new long[] {batch}, (double) TIMESTEPS / 2, pictures.dataType())) {
      Clocked clocked = new Clocked(model);
      for (int round = 0; round <= rounds; round++) {
        for (String method : usual()) {
          Times times = measure(method, clocked, pictures, t);
          if (round > 0) {
            measured.computeIfAbsent(method, absent -> new ArrayList<>()).add(times);
          }
        }
      }
    }
    out.printf("# %s; batch %d, %d steps%n", net, batch, steps);
    out.println(header());
    measured.forEach((method, times) -> out.println(row(method, times)));
    return 0;
  }

  /** The names of all samplers except those for distilled models. */
  static List<String> usual() {
    return Samplers.names().stream()
        .filter(name -> !List.of("lcm", "tcd", "consistency").contains(name))
        .toList();
  }

  /** Mean times of a round, in milliseconds per call of the network. */
  record Times(double bare, double step, double network) {

    /** The sampler's own time divided by that of its calls. */
    double added() {
      return step / network - 1;
    }

    /** The relative difference between a step and a separate call of the network. */
    double beyondBare() {
      return step / bare - 1;
    }
  }

  private Times measure(String method, Clocked model, INDArray pictures, INDArray t) {
    model.reset();
    for (int call = 0; call < steps; call++) {
      model.predict(pictures, t, Condition.none()).close();
    }
    double bare = model.meanMs();
    Sampler sampler = Samplers.named(method, steps, X0Correction.clip(1));
    SamplingRequest request = SamplingRequest.builder(batch).seed(0).batchSize(batch).build();
    model.reset();
    long start = System.nanoTime();
    sampler.sample(model, request).close();
    double ms = (System.nanoTime() - start) / 1e6;
    return new Times(bare, ms / model.calls, model.meanMs());
  }

  static String header() {
    return "| sampler | bare call ms | step ms | its call ms | sampler adds | step beyond bare call"
        + " |"
        + System.lineSeparator()
        + "|---|--:|--:|--:|--:|--:|";
  }

  /** The medians of the rounds. */
  static String row(String method, List<Times> times) {
    return String.format(
        Locale.ROOT,
        "| %s | %.2f | %.2f | %.2f | %.2f %% | %+.2f %% |",
        method,
        Median.of(times.stream().map(Times::bare).toList()),
        Median.of(times.stream().map(Times::step).toList()),
        Median.of(times.stream().map(Times::network).toList()),
        100 * Median.of(times.stream().map(Times::added).toList()),
        100 * Median.of(times.stream().map(Times::beyondBare).toList()));
  }

  /** A denoiser that counts and times calls. */
  private static final class Clocked implements Denoiser {

    private final Denoiser model;
    private int calls;
    private long nanos;

    Clocked(Denoiser model) {
      this.model = model;
    }

    void reset() {
      calls = 0;
      nanos = 0;
    }

    double meanMs() {
      return nanos / 1e6 / calls;
    }

    @Override
    public NoiseSchedule schedule() {
      return model.schedule();
    }

    @Override
    public long[] sampleShape() {
      return model.sampleShape();
    }

    @Override
    public Prediction prediction() {
      return model.prediction();
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      long start = System.nanoTime();
      try {
        return model.predict(xt, t, condition);
      } finally {
        nanos += System.nanoTime() - start;
        calls++;
      }
    }
  }
}
