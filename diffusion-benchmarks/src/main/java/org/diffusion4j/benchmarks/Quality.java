package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.X0Correction;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Prints the distances between samples of each sampler in few steps and samples of DDPM in all
 * steps, and between two sets of the latter.
 */
@Command(
    name = "Quality",
    description = "Compares samples in few steps with those of DDPM in all steps.",
    mixinStandardHelpOptions = true)
public final class Quality implements Callable<Integer> {

  private static final long REFERENCE_SEED = 0;
  private static final long SEED = 1;
  private static final int IN_PICTURE = 20;

  /** A variance of DDPM. */
  enum Reference {
    POSTERIOR("ddpm-posterior"),
    BETA("ddpm");

    private final String method;

    Reference(String method) {
      this.method = method;
    }
  }

  @Option(names = "--model", description = "Model directory; default ${DEFAULT-VALUE}.")
  private Path directory = Path.of("out/digits/model");

  @Option(
      names = "--n",
      defaultValue = "2000",
      converter = AtLeastOne.class,
      description = "Samples of each, over 1, of all classes in turn; default ${DEFAULT-VALUE}.")
  private int n;

  @Option(
      names = "--steps",
      split = ",",
      defaultValue = "5,10,20,50",
      converter = AtLeastOne.class,
      description = "Numbers of steps; default ${DEFAULT-VALUE}.")
  private List<Integer> steps = List.of();

  @Option(
      names = "--samplers",
      split = ",",
      description = "Names as Samplers.names() has them; default all but lcm and tcd.")
  private @Nullable List<String> samplers;

  @Option(
      names = "--reference",
      defaultValue = "POSTERIOR",
      description = "Variance of the reference, posterior or beta; default posterior.")
  private Reference reference = Reference.POSTERIOR;

  @Option(
      names = "--reference-steps",
      converter = AtLeastOne.class,
      description = "Steps of the reference; default all of the schedule.")
  private @Nullable Integer referenceSteps;

  @Option(
      names = "--unclipped",
      description = "Samplers are made with their number of steps alone; the reference clips.")
  private boolean unclipped;

  @Option(
      names = "--picture",
      description = "A .png file for the first samples of each sampler, a row each.")
  private @Nullable Path picture;

  @Option(
      names = "--batch",
      defaultValue = "64",
      converter = AtLeastOne.class,
      description = "Samples made at a time; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--precision",
      defaultValue = "FLOAT32",
      description = "float32 or bfloat16; default float32.")
  private ComputeType precision = ComputeType.FLOAT32;

  private final PrintStream out;
  private final List<INDArray> rows = new ArrayList<>();

  Quality(PrintStream out) {
    this.out = out;
  }

  /** Measures the samplers and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new Quality(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    if (n < 2) {
      throw new IllegalArgumentException("n must be at least 2 but was " + n);
    }
    try (PretrainedModel trained = PretrainedModel.load(directory)) {
      int total = trained.model().schedule().steps();
      for (int count : steps) {
        if (count > total) {
          throw new IllegalArgumentException(
              "steps must be in [1, " + total + "] but one was " + count);
        }
      }
      X0Correction clipping = Samplers.correction(trained.scheduler());
      int most = referenceSteps == null ? total : Math.min(referenceSteps, total);
      Sampler ddpm = Samplers.named(reference.method, most, clipping);
      Made real = sample(trained, ddpm, REFERENCE_SEED);
      Distances distances =
          new Distances(new SlicedWasserstein(real.pixels()), new PcaFrechet(real.pixels()));
      X0Correction correction = unclipped ? X0Correction.none() : clipping;
      out.printf(
          "# %s: %d samples, reference %s in %d steps%n", directory, n, reference.method, most);
      out.println(header(steps));
      Made again = sample(trained, ddpm, SEED);
      Measured floor = distances.of(again);
      out.println(row("floor: the reference again", steps.stream().map(s -> floor).toList()));
      for (String method : samplers != null ? samplers : SamplerOverhead.usual()) {
        List<Measured> cells =
            steps.stream()
                .map(
                    s -> distances.of(sample(trained, Samplers.named(method, s, correction), SEED)))
                .toList();
        out.println(row(method, cells));
      }
      if (picture != null) {
        int each = Math.min(n, IN_PICTURE);
        // The first two rows are the reference and the reference again.
        ImageFiles.writeGrid(picture, Nd4j.concat(0, rows.toArray(INDArray[]::new)), each, 2);
      }
    }
    return 0;
  }

  /** Samples, one per row, with pixels in [0, 1], and the number of denoiser calls per sample. */
  private record Made(double[][] pixels, int calls) {}

  /** The measurements of samples. */
  record Measured(int calls, double slicedWasserstein, double pcaFrechet) {}

  private record Distances(SlicedWasserstein slicedWasserstein, PcaFrechet pcaFrechet) {
    Measured of(Made made) {
      return new Measured(
          made.calls(), slicedWasserstein.of(made.pixels()), pcaFrechet.of(made.pixels()));
    }
  }

  private Made sample(PretrainedModel trained, Sampler sampler, long seed) {
    int classes = trained.model().classes();
    Condition condition =
        classes == 0
            ? Condition.none()
            : Condition.labels(IntStream.range(0, n).map(i -> i % classes).toArray());
    SamplingRequest request =
        SamplingRequest.builder(n).seed(seed).batchSize(batch).condition(condition).build();
    try (SamplingResult result = sampler.sample(precision.of(trained.model()), request)) {
      if (picture != null) {
        rows.add(result.samples().get(NDArrayIndex.interval(0, Math.min(n, IN_PICTURE))).dup());
      }
      int batches = (n + batch - 1) / batch;
      return new Made(pixels(result.samples()), result.denoiserCalls() / batches);
    }
  }

  /** Rows of pixels clamped to [0, 1], from samples scaled to [-1, 1]. */
  static double[][] pixels(INDArray samples) {
    double[][] pixels;
    try (INDArray rows = samples.dup('c')) {
      pixels = rows.reshape(rows.size(0), -1).toDoubleMatrix();
    }
    for (double[] row : pixels) {
      for (int j = 0; j < row.length; j++) {
        row[j] = Math.min(1, Math.max(0, (row[j] + 1) / 2));
      }
    }
    return pixels;
  }

  static String header(List<Integer> steps) {
    String numbers =
        steps.stream().map(s -> " SW2, " + s + " |").collect(Collectors.joining())
            + steps.stream().map(s -> " PCA-FD, " + s + " |").collect(Collectors.joining());
    return "| sampler, steps | calls |"
        + numbers
        + System.lineSeparator()
        + "|---|---|"
        + "--:|".repeat(2 * steps.size());
  }

  static String row(String name, List<Measured> cells) {
    return "| "
        + name
        + " | "
        + cells.stream().map(cell -> "" + cell.calls()).distinct().collect(Collectors.joining(", "))
        + " | "
        + cells.stream()
            .map(cell -> number(cell.slicedWasserstein()))
            .collect(Collectors.joining(" | "))
        + " | "
        + cells.stream().map(cell -> number(cell.pcaFrechet())).collect(Collectors.joining(" | "))
        + " |";
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }
}
