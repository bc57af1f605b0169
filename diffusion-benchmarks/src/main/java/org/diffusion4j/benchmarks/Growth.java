package org.diffusion4j.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Runs many predictions or a full training in this process and prints the resident memory. Exits
 * with 1 if memory grows by more than 5 % from step 100 to the end.
 */
@Command(
    name = "Growth",
    description = "Watches the memory of many predictions or training steps.",
    mixinStandardHelpOptions = true)
public final class Growth implements Callable<Integer> {

  private static final double LIMIT = 1.05;
  private static final int FIRST = 100;
  private static final int INTERVAL = 500;

  @Mixin private NetOptions nets = new NetOptions();

  @Option(names = "--mode", defaultValue = "TRAIN", description = "infer or train; default train.")
  private Mode mode = Mode.TRAIN;

  @Option(
      names = "--steps",
      defaultValue = "2000",
      converter = AtLeastOne.class,
      description = "How many steps, over 100; default ${DEFAULT-VALUE}.")
  private int steps;

  @Option(
      names = "--batch",
      defaultValue = "16",
      converter = AtLeastOne.class,
      description = "Batch size; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--precision",
      defaultValue = "FLOAT32",
      description = "float32 or bfloat16; default float32.")
  private ComputeType precision = ComputeType.FLOAT32;

  private final PrintStream out;

  private Growth(PrintStream out) {
    this.out = out;
  }

  /** Runs the steps and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new Growth(System.out)).execute(args));
  }

  /** Whether memory is printed after this step. */
  static boolean isCheckpoint(long step, int steps) {
    return step == FIRST || step % INTERVAL == 0 || step == steps;
  }

  /** Whether memory has grown too much. */
  static boolean hasGrown(double firstMb, double lastMb) {
    return lastMb > LIMIT * firstMb;
  }

  @Override
  public Integer call() throws IOException {
    if (steps <= FIRST) {
      throw new IllegalArgumentException("steps must be more than " + FIRST + " but were " + steps);
    }
    int exitCode = 0;
    for (Net net : nets.nets()) {
      out.printf("# %s; %s, batch %d, %s%n", net, mode, batch, precision);
      exitCode = Math.max(exitCode, watch(net));
    }
    return exitCode;
  }

  private int watch(Net net) throws IOException {
    Watch watch = new Watch();
    switch (mode) {
      case INFER -> predict(net, watch);
      case TRAIN -> train(net, watch);
    }
    boolean grown = hasGrown(watch.first, watch.last);
    out.printf(
        Locale.ROOT,
        "growth=%+.1f%% from step %d to step %d: %s%n",
        100 * (watch.last / watch.first - 1),
        FIRST,
        steps,
        grown ? "more than 5 %" : "at most 5 %");
    return grown ? 1 : 0;
  }

  private void predict(Net net, Watch watch) {
    try (OurNetwork network = new OurNetwork(net, batch, precision)) {
      watch.begin(network.foreseenMb());
      for (int step = 1; step <= steps; step++) {
        network.predict();
        watch.look(step);
      }
    }
  }

  /** A training with checkpoints; the last one is written before the memory is measured. */
  private void train(Net net, Watch watch) throws IOException {
    Path directory = Files.createTempDirectory("growth");
    try (TrainingRun run = TrainingRun.full(net, batch, directory, INTERVAL)) {
      watch.begin(run.foreseenMb());
      run.train(
          steps,
          step -> {
            if (step.index() + 1 < steps) {
              watch.look(step.index() + 1);
            }
          });
      watch.look(steps);
    } finally {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  /** Prints the resident memory at some steps. */
  private final class Watch {
    private double first = Double.NaN;
    private double last = Double.NaN;

    void begin(long foreseenMb) {
      out.printf(
          Locale.ROOT, "rss_mb=%.0f foreseen_mb=%d%n", ResidentMemory.currentMb(), foreseenMb);
    }

    void look(long step) {
      if (isCheckpoint(step, steps)) {
        last = ResidentMemory.currentMb();
        first = step == FIRST ? last : first;
        out.printf(Locale.ROOT, "step=%d rss_mb=%.0f%n", step, last);
      }
    }
  }
}
