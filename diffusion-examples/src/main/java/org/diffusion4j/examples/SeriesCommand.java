package org.diffusion4j.examples;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.DelimitedVectors;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.data.Scaling;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet1d;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Trains on time series and compares the frequencies of samples with those of the data. */
@Command(
    name = "series",
    description = "Trains a one-dimensional U-Net on time series: sines with noise, or a CSV file.",
    mixinStandardHelpOptions = true)
final class SeriesCommand implements Callable<Integer> {

  private static final int DRAWN = 5;

  private enum Network {
    UNET,
    MLP
  }

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Mixin
  private final TrainingOptions training = new TrainingOptions(1500, 64, 2e-3, 0.995, "out/series");

  @Option(
      names = "--data",
      description =
          "CSV file with a row for each point in time, or one of ${COMPLETION-CANDIDATES} (sines"
              + " with noise).",
      completionCandidates = RecordedSeries.Names.class)
  private @Nullable String data;

  @Option(
      names = "--columns",
      split = ",",
      description = "Columns of the file, each a channel (all with numbers).")
  private String @Nullable [] columns;

  @Option(
      names = "--length",
      converter = Positive.class,
      description = "Length of a series or window, divided by the levels (${DEFAULT-VALUE}).")
  private int length = 64;

  @Option(
      names = "--channels",
      split = ",",
      description = "Channels of the levels, each half as long (32,64,64,64).")
  private List<Integer> channels = List.of(32, 64, 64, 64);

  @Option(names = "--network", description = "unet or mlp, for comparison (${DEFAULT-VALUE}).")
  private Network network = Network.UNET;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of samples (${DEFAULT-VALUE}).")
  private int count = 512;

  @Override
  public Integer call() throws IOException {
    Path directory = Files.createDirectories(training.out);
    PrintWriter out = spec.commandLine().getOut();
    DelimitedVectors rows = data == null ? null : read(data);
    SampleSource series = rows == null ? Series.sines(length, training.seed) : windows(rows);
    int inChannels = (int) series.sampleShape()[0];
    out.printf(Locale.ROOT, "series   %d x [%d, %d]%n", series.size(), inChannels, length);
    try (SameDiffDenoiser model = model(inChannels);
        INDArray real = Series.some(series, count)) {
      train(model, series.reshaped(model.sampleShape()));
      PretrainedModel.of(model).save(directory.resolve("model"));
      try (INDArray samples = sample(model).reshape(count, inChannels, length)) {
        Spectrum ofData = Spectrum.of(real);
        Spectrum ofSamples = Spectrum.of(samples);
        out.println("data     " + ofData);
        out.println("samples  " + ofSamples);
        out.printf(Locale.ROOT, "distance of the frequencies %.3f%n", ofSamples.distance(ofData));
        draw(directory.resolve("series.png"), series, samples, rows);
      }
    }
    out.println("written  " + directory.resolve("{series.png,model}"));
    out.flush();
    return 0;
  }

  private DelimitedVectors read(String name) throws IOException {
    RecordedSeries recorded = RecordedSeries.named(name);
    if (recorded != null) {
      return recorded.read();
    }
    DelimitedVectors.Builder builder = DelimitedVectors.of(Path.of(name));
    return (columns == null ? builder : builder.columns(columns)).read();
  }

  private SampleSource windows(DelimitedVectors rows) {
    try {
      return rows.windows(length, 1);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private SameDiffDenoiser model(int inChannels) {
    NoiseSchedule schedule = NoiseSchedule.cosine(1000);
    try {
      return network == Network.MLP
          ? Mlp.create(
              new Mlp.Config(inChannels * length, 256, 4),
              schedule,
              Prediction.VELOCITY,
              training.seed)
          : UNet1d.create(
              UNet1d.Config.of(inChannels, length, channels.toArray(Integer[]::new)),
              schedule,
              Prediction.VELOCITY,
              training.seed);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
  }

  private void train(SameDiffDenoiser model, SampleSource series) {
    SampleIterator batches =
        SampleIterator.of(series, training.batch).shuffle(training.seed).build();
    try (DiffusionTrainer trainer = training.trainer(model).build();
        Progress progress = new Progress("training", training.steps, spec.commandLine().getOut())) {
      trainer.train(batches, training.steps, progress.training());
      trainer.useAverage();
    }
  }

  private INDArray sample(SameDiffDenoiser model) {
    SamplingRequest request = SamplingRequest.builder(count).seed(training.seed).build();
    try (SamplingResult result = new DdimSampler(50).sample(model, request)) {
      return result.samples().dup('c');
    }
  }

  static void draw(
      Path file, SampleSource series, INDArray samples, @Nullable DelimitedVectors rows)
      throws IOException {
    Scaling scaling = rows == null ? null : rows.scaling();
    try (INDArray some = Series.some(series, DRAWN);
        INDArray left = original(some, scaling);
        INDArray right = original(first(samples), scaling)) {
      double low = left.minNumber().doubleValue();
      double high = left.maxNumber().doubleValue();
      double margin = (high - low) / 10;
      Pictures.write(
          file,
          Pictures.sideBySide(
              List.of(
                  panel("data", left, low - margin, high + margin),
                  panel("samples of the model", right, low - margin, high + margin))));
    }
  }

  private static Pictures.Panel panel(String caption, INDArray series, double low, double high) {
    return new Pictures.Panel(caption, SeriesChart.draw(series, low, high));
  }

  private static INDArray first(INDArray series) {
    return series.get(NDArrayIndex.interval(0, Math.min(DRAWN, series.size(0))));
  }

  private static INDArray original(INDArray series, @Nullable Scaling scaling) {
    return scaling == null ? series.dup('c') : scaling.invert(series);
  }
}
