package org.diffusion4j.benchmarks;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.diffusion4j.TrainingListener;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Prints the time that listeners, an average of the weights, clipping and prefetching together add
 * to a training step. The bare and the full training alternate.
 */
@Command(
    name = "Overhead",
    description = "Times training steps bare and with all that is usual.",
    mixinStandardHelpOptions = true)
public final class Overhead implements Callable<Integer> {

  private static final Net NET = Net.FASHION;

  @Option(
      names = "--batch",
      defaultValue = "64",
      converter = AtLeastOne.class,
      description = "Batch size; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--rounds",
      defaultValue = "9",
      converter = AtLeastOne.class,
      description = "How often each is timed, after a round to warm up; default ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--steps",
      defaultValue = "20",
      converter = AtLeastOne.class,
      description = "Steps of a round; default ${DEFAULT-VALUE}.")
  private int steps;

  private final PrintStream out;

  private Overhead(PrintStream out) {
    this.out = out;
  }

  /** Times the steps and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new Overhead(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    Path directory = Files.createTempDirectory("overhead");
    try (TrainingRun bare = TrainingRun.bare(NET, batch);
        TrainingRun full = TrainingRun.full(NET, batch, directory, 0)) {
      stepMs(bare);
      stepMs(full);
      List<Double> bareMs = new ArrayList<>();
      List<Double> fullMs = new ArrayList<>();
      for (int round = 0; round < rounds; round++) {
        bareMs.add(stepMs(bare));
        fullMs.add(stepMs(full));
      }
      out.println(line(NET, batch, Median.of(bareMs), Median.of(fullMs)));
      return 0;
    } finally {
      MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  /** The mean time of a step in a round, including everything that happens between steps. */
  private double stepMs(TrainingRun run) {
    long start = System.nanoTime();
    run.train(steps, TrainingListener.NONE);
    return (System.nanoTime() - start) / 1e6 / steps;
  }

  static String line(Net net, int batch, double bareMs, double fullMs) {
    return String.format(
        Locale.ROOT,
        "overhead net=%s batch=%d bare_ms=%.2f full_ms=%.2f overhead=%+.1f%%",
        net.name(),
        batch,
        bareMs,
        fullMs,
        100 * (fullMs / bareMs - 1));
  }
}
