package org.diffusion4j.examples;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.data.IdxImages;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ProbabilityFlow;
import org.diffusion4j.samplers.ProbabilityFlow.Divergence;
import org.diffusion4j.samplers.ProbabilityFlow.Likelihood;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How well a model predicts images that it has not seen: Song et al. 2021, table 2. */
@Command(
    name = "likelihood",
    description = "Measures the likelihood of images under a model, in bits per dimension.",
    mixinStandardHelpOptions = true)
final class LikelihoodCommand extends ExampleCommand {

  /** Half the levels of 8 bits, which images in [-1, 1] have per unit. */
  private static final double LEVELS = 127.5;

  @Mixin private final IdxOptions images = new IdxOptions();

  @Mixin private final ModelOption model = new ModelOption();

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of images, evenly distributed over the file (${DEFAULT-VALUE}).")
  private int count = 50;

  @Option(
      names = "--tolerance",
      description = "Error of each step of the solver, in [1e-8, 0.1] (${DEFAULT-VALUE}).")
  private double tolerance = 1e-3;

  @Option(names = "--seed", description = "Seed of all random numbers (${DEFAULT-VALUE}).")
  private long seed = 0;

  @Override
  public Integer call() throws IOException {
    IdxImages all = images.read();
    require(count <= all.size(), "--count must be at most " + all.size() + " but was " + count);
    int[] chosen =
        IntStream.range(0, count).map(i -> (int) ((long) i * all.size() / count)).toArray();
    try (PretrainedModel trained = model.load();
        INDArray samples = continuous(all, chosen)) {
      Likelihood found =
          ProbabilityFlow.of(trained.model())
              .withTolerance(tolerance)
              .logLikelihood(samples, condition(all, chosen), Divergence.hutchinson(1, seed));
      out()
          .printf(
              Locale.ROOT,
              "%.3f bits per dimension, standard error %.3f, of %d images; %d calls with"
                  + " gradients%n",
              found.bitsPerDimension(LEVELS),
              standardError(found),
              count,
              found.denoiserCalls());
    }
    return 0;
  }

  /** Images with uniform noise of the width of a level, without which densities are infinite. */
  private INDArray continuous(IdxImages all, int[] chosen) throws IOException {
    long[] shape = all.sampleShape();
    int size = (int) (shape[0] * shape[1] * shape[2]);
    Random random = new Random(seed);
    float[][] rows = new float[count][size];
    for (int i = 0; i < count; i++) {
      all.read(chosen[i], rows[i]);
      for (int k = 0; k < size; k++) {
        rows[i][k] += (float) ((random.nextDouble() - 0.5) / LEVELS);
      }
    }
    return Nd4j.createFromArray(rows).reshape(count, shape[0], shape[1], shape[2]);
  }

  private static Condition condition(IdxImages all, int[] chosen) {
    return all.classes() == 0
        ? Condition.none()
        : Condition.labels(Arrays.stream(chosen).map(all::label).toArray());
  }

  /** Of the mean over the images. */
  private static double standardError(Likelihood found) {
    double[] nats = found.nats();
    double mean = Arrays.stream(nats).average().orElseThrow();
    double squares = Arrays.stream(nats).map(v -> (v - mean) * (v - mean)).sum();
    double error = Math.sqrt(squares / Math.max(1, nats.length - 1) / nats.length);
    return error / found.dimensions() / Math.log(2);
  }
}
