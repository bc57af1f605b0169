package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.data.ImageFolder;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures how near pictures that a model enlarged are to the real ones, beside bicubic
 * enlargement.
 */
@Command(
    name = "EnlargeQuality",
    description = "Compares enlarged pictures with real ones, beside bicubic enlargement.",
    mixinStandardHelpOptions = true)
public final class EnlargeQuality implements Callable<Integer> {

  private static final int IN_PICTURE = 20;

  @SuppressWarnings("NullAway.Init")
  @Option(names = "--model", required = true, description = "Model directory.")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  @Option(
      names = "--data",
      required = true,
      description = "IDX file or folder of pictures that the model was not trained on.")
  private Path data;

  @Option(
      names = "--size",
      defaultValue = "32",
      converter = AtLeastOne.class,
      description = "Height and width to which pictures of a folder are scaled; default 32.")
  private int size;

  @Option(
      names = "--factor",
      defaultValue = "2",
      converter = AtLeastOne.class,
      description = "How many times larger pictures become; default 2.")
  private int factor;

  @Option(
      names = "--n",
      defaultValue = "1000",
      converter = AtLeastOne.class,
      description = "The first pictures of the data, which are enlarged; default 1000.")
  private int n;

  @Option(
      names = "--samples",
      defaultValue = "8",
      converter = AtLeastOne.class,
      description = "Samples of each picture; default 8.")
  private int samples;

  @Mixin private final SamplerOptions sampler = new SamplerOptions();

  @Option(
      names = "--npy",
      description =
          "Folder for single.npy, bicubic.npy and real.npy, the last with the pictures of the data"
              + " that are not enlarged; SampleEval compares them.")
  private @Nullable Path npy;

  @Option(
      names = "--picture",
      description = "A .png file: given, bicubic, one sample, the mean of the samples, real.")
  private @Nullable Path picture;

  private final PrintStream out;

  EnlargeQuality(PrintStream out) {
    this.out = out;
  }

  /** Measures a model and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new EnlargeQuality(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    SampleSource source =
        Files.isDirectory(data) ? ImageFolder.open(data, size, size) : IdxImages.read(data);
    if (n > source.size()) {
      throw new IllegalArgumentException("n must be in [1, " + source.size() + "] but was " + n);
    }
    SampleIterator images = SampleIterator.of(source, n).build();
    try (PretrainedModel trained = PretrainedModel.load(directory);
        INDArray real = images.next().getFeatures();
        INDArray low = SampleSource.reduced(real, factor);
        INDArray bicubic = SampleSource.enlarged(low, factor);
        INDArray drawn = sample(trained, bicubic);
        INDArray each = drawn.reshape(n, samples, -1).mean(1);
        INDArray mean = each.reshape(real.shape());
        INDArray single = single(drawn)) {
      out.printf("# %s: %d pictures, %d samples each, %s%n", directory, n, samples, sampler);
      report("bicubic", error(bicubic.repeat(0, samples), real));
      report("single samples", error(drawn, real));
      report("mean of " + samples + " samples", error(mean.repeat(0, samples), real));
      if (picture != null) {
        draw(picture, low, bicubic, single, mean, real);
      }
      if (npy != null) {
        Files.createDirectories(npy);
        NpyFiles.write(npy.resolve("single.npy"), single);
        NpyFiles.write(npy.resolve("bicubic.npy"), bicubic);
        if (source.size() > n) {
          NpyFiles.write(npy.resolve("real.npy"), images.next(source.size() - n).getFeatures());
        }
      }
    }
    return 0;
  }

  private INDArray sample(PretrainedModel trained, INDArray bicubic) {
    try (INDArray repeated = bicubic.repeat(0, samples)) {
      SamplingRequest request =
          SamplingRequest.builder(n * samples)
              .seed(sampler.seed())
              .batchSize(64)
              .condition(Condition.pictures(repeated))
              .build();
      try (SamplingResult result =
          sampler.of(trained.scheduler()).sample(trained.model(), request)) {
        return result.samples().dup('c');
      }
    }
  }

  /** The first sample of each picture. */
  private INDArray single(INDArray drawn) {
    return drawn.get(NDArrayIndex.interval(0, samples, (long) n * samples)).dup('c');
  }

  private double error(INDArray pictures, INDArray real) {
    double[][] found = Quality.pixels(pictures);
    double[][] wanted = Quality.pixels(real);
    double sum = 0;
    for (int i = 0; i < found.length; i++) {
      for (int j = 0; j < found[i].length; j++) {
        double difference = found[i][j] - wanted[i / samples][j];
        sum += difference * difference;
      }
    }
    return sum / found.length / found[0].length;
  }

  private void report(String what, double error) {
    out.printf(Locale.ROOT, "mean squared error of %s %.5f%n", what, error);
    out.flush();
  }

  /** A row of each; the given ones with pixels as large as {@code factor} pixels. */
  private void draw(Path file, INDArray low, INDArray... others) throws IOException {
    int each = Math.min(n, IN_PICTURE);
    INDArray[] rows = new INDArray[others.length + 1];
    rows[0] = first(low, each).repeat(2, factor).repeat(3, factor);
    for (int i = 0; i < others.length; i++) {
      rows[i + 1] = first(others[i], each);
    }
    ImageFiles.writeGrid(file, Nd4j.concat(0, rows), each, 2);
  }

  private static INDArray first(INDArray pictures, int count) {
    return pictures.get(NDArrayIndex.interval(0, count));
  }
}
