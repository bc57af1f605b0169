package org.diffusion4j.benchmarks;

import java.io.PrintStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Times our U-Net and the same network with libtorch and, for predictions, ONNX Runtime, and
 * compares ours with the fastest. Each contestant has its own process; they alternate over several
 * rounds. A time is the median over the rounds of each round's median step, a peak the median of
 * the peak resident memory. With a ratio below 1, ours is better.
 */
@Command(
    name = "SideBySide",
    description = "Compares time and memory of the U-Net with libtorch and ONNX Runtime.",
    mixinStandardHelpOptions = true)
public final class SideBySide implements Callable<Integer> {

  private static final List<Contestant> PEERS =
      List.of(Contestant.LIBTORCH, Contestant.ONNXRUNTIME);
  private static final int SCALING_BATCH = 16;

  @Mixin private NetOptions nets = new NetOptions();

  @Option(
      names = "--modes",
      split = ",",
      defaultValue = "INFER,TRAIN",
      description = "infer, train or both; default infer,train.")
  private List<Mode> modes = List.of(Mode.values());

  @Option(
      names = "--batches",
      split = ",",
      defaultValue = "16,64",
      converter = AtLeastOne.class,
      description = "Batch sizes; default ${DEFAULT-VALUE}.")
  private List<Integer> batches = List.of();

  @Option(
      names = "--threads",
      converter = AtLeastOne.class,
      description = "Threads of every contestant; default one for each processor.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--seconds",
      defaultValue = "8",
      description = "How long each contestant is timed in a round; default ${DEFAULT-VALUE}.")
  private double seconds;

  @Option(
      names = "--rounds",
      defaultValue = "3",
      converter = AtLeastOne.class,
      description = "How often each contestant is run; default ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--precision",
      defaultValue = "FLOAT32",
      description = "What ours computes in: float32 or bfloat16; default float32.")
  private ComputeType precision = ComputeType.FLOAT32;

  @Option(
      names = "--scaling",
      description =
          "Print a table of times and peaks over batch, side, base and threads instead, beside"
              + " libtorch.")
  private boolean scaling;

  private final Stage stage;
  private final PrintStream out;

  SideBySide(Stage stage, PrintStream out) {
    this.stage = stage;
    this.out = out;
  }

  /** Runs the comparison and ends the program. */
  public static void main(String[] args) {
    System.exit(
        Programs.commandLine(new SideBySide(new ChildProcesses(), System.out)).execute(args));
  }

  @Override
  public Integer call() {
    Rounds runs = new Rounds(stage, rounds);
    for (Net net : nets.nets()) {
      Case first = new Case(net, Mode.INFER, SCALING_BATCH, threads, precision, seconds);
      out.printf("# %s; threads %d, %s%n", net, threads, precision);
      if (scaling) {
        scale(first, runs);
      } else {
        compare(first, runs);
      }
    }
    return 0;
  }

  private void compare(Case first, Rounds runs) {
    for (Mode mode : modes) {
      if (mode == Mode.TRAIN && first.net().takesText()) {
        out.println("# " + first.net().name() + " is not trained by this benchmark");
        continue;
      }
      for (int batch : batches) {
        out.println(runs.compare(first.withMode(mode).withBatch(batch), PEERS).line());
      }
    }
  }

  private void scale(Case first, Rounds runs) {
    out.println();
    out.println(ScalingTable.header(Contestant.LIBTORCH));
    Map<Case, Comparison> known = new HashMap<>();
    for (Mode mode : modes) {
      for (ScalingTable.Row row : ScalingTable.rows(first.withMode(mode))) {
        Comparison measured =
            known.computeIfAbsent(
                row.what(), what -> runs.compare(what, List.of(Contestant.LIBTORCH)));
        out.println(row.markdown(measured));
      }
    }
  }
}
