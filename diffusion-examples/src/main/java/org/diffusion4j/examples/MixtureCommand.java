package org.diffusion4j.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.data.Scaling;
import org.diffusion4j.internal.common.L64X128MixRandom;
import org.diffusion4j.samplers.DdpmSampler;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Loss;
import org.diffusion4j.training.Loss.Weighting;
import org.diffusion4j.unet.Mlp;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Learns a known distribution, so that the result can be checked. */
@Command(
    name = "mixture",
    description = "Learns two Gaussians, at -2 and 2 with standard deviation 0.5.",
    mixinStandardHelpOptions = true)
final class MixtureCommand implements Callable<Integer> {

  private static final int TIMESTEPS = 100;
  private static final int DATA = 20_000;

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Mixin
  private final TrainingOptions training =
      new TrainingOptions(1500, 512, 2e-3, 0.99, "out/mixture");

  @Option(
      names = "--prediction",
      description = "What the network predicts: epsilon, sample or velocity (${DEFAULT-VALUE}).")
  private Prediction prediction = Prediction.VELOCITY;

  @Option(
      names = "--weighting",
      converter = WeightingByName.class,
      description =
          "Weighting of the loss: simple, min-snr, truncated-snr or p2 (${DEFAULT-VALUE}).")
  private Weighting weighting = Weighting.simple();

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of samples (${DEFAULT-VALUE}).")
  private int count = 10_000;

  @Override
  public Integer call() throws IOException {
    Path directory = Files.createDirectories(training.out);
    PrintWriter out = spec.commandLine().getOut();
    double[] data = data(training.seed);
    // The means become -1 and 1, so the total standard deviation is about 1, like that of the
    // noise.
    Scaling scaling = Scaling.of(new double[] {-2}, new double[] {2});
    double[] samples;
    // Small errors of a predicted noise add up where there is little but noise, and tip the balance
    // of the two heaps; those of a predicted velocity vanish there.
    try (Mlp model =
        Mlp.create(
            new Mlp.Config(1, 64, 3), NoiseSchedule.linear(TIMESTEPS), prediction, training.seed)) {
      train(model, data, scaling);
      samples = sample(model, scaling);
    }
    writeCsv(directory.resolve("samples.csv"), samples);
    Pictures.write(
        directory.resolve("histograms.png"),
        Pictures.sideBySide(
            List.of(
                new Pictures.Panel("data", Charts.histogram(data)),
                new Pictures.Panel("samples of the model", Charts.histogram(samples)))));
    out.println("data     " + Modes.of(data));
    out.println("samples  " + Modes.of(samples));
    out.println("written  " + directory.resolve("{histograms.png,samples.csv}"));
    out.flush();
    return 0;
  }

  private static double[] data(long seed) {
    RandomGenerator random = new L64X128MixRandom(seed);
    return DoubleStream.generate(() -> (random.nextBoolean() ? 2 : -2) + random.nextGaussian() / 2)
        .limit(DATA)
        .toArray();
  }

  private void train(Mlp model, double[] data, Scaling scaling) {
    double[][] rows = Arrays.stream(data).mapToObj(v -> new double[] {v}).toArray(double[][]::new);
    SampleIterator batches =
        SampleIterator.of(SampleSource.ofVectors(rows, scaling), training.batch)
            .shuffle(training.seed)
            .build();
    try (DiffusionTrainer trainer =
            training.trainer(model).loss(Loss.meanSquaredError(weighting)).build();
        Progress progress = new Progress("training", training.steps, spec.commandLine().getOut())) {
      trainer.train(batches, training.steps, progress.training());
      trainer.useAverage();
    }
  }

  private double[] sample(Mlp model, Scaling scaling) {
    SamplingRequest request =
        SamplingRequest.builder(count).seed(training.seed).batchSize(count).build();
    try (SamplingResult result = DdpmSampler.withPosteriorVariance().sample(model, request);
        INDArray original = scaling.invert(result.samples())) {
      return original.ravel().toDoubleVector();
    }
  }

  private static void writeCsv(Path file, double[] samples) throws IOException {
    Files.writeString(
        file,
        Arrays.stream(samples)
            .mapToObj(Double::toString)
            .collect(Collectors.joining("\n", "x\n", "\n")));
  }
}
