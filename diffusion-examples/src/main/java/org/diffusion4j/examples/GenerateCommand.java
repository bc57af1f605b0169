package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** Samples from a saved model. */
@Command(
    name = "generate",
    description = "Samples from a model directory, written here or by diffusers.",
    mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {

  private static final int DDIM_STEPS = 50;

  enum Method {
    DDPM,
    DDPM_POSTERIOR,
    DDIM;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Option(names = "--model", description = "Model directory (${DEFAULT-VALUE}).")
  private Path model = Path.of("out/digits/model");

  @Option(
      names = "--sampler",
      converter = MethodConverter.class,
      description = "ddpm, ddpm-posterior or ddim (${DEFAULT-VALUE}).")
  private Method method = Method.DDIM;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of samples (${DEFAULT-VALUE}).")
  private int count = 64;

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Sampling steps (50 for ddim, else every one of the schedule).")
  private @Nullable Integer steps;

  @Option(
      names = "--eta",
      description = "Randomness of ddim, 0 to 1, where 0 is none (${DEFAULT-VALUE}).")
  private double eta;

  @Option(names = "--label", description = "Class of all samples (each in turn).")
  private @Nullable Integer label;

  @Option(names = "--seed", description = "Of the noise (${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--batch",
      converter = Positive.class,
      description = "Samples made at a time (${DEFAULT-VALUE}).")
  private int batch = 100;

  @Option(
      names = "--out",
      description = "Where they go: a .png picture of all or a .npy array (${DEFAULT-VALUE}).")
  private Path file = Path.of("out/samples.png");

  @Override
  public Integer call() throws IOException {
    boolean png = file.toString().endsWith(".png");
    require(png || file.toString().endsWith(".npy"), "--out must end in .png or .npy: " + file);
    require(eta == 0 || method == Method.DDIM, "--eta is for ddim but the sampler is " + method);
    require(eta >= 0 && eta <= 1, "--eta must be in [0, 1] but was " + eta);
    try (PretrainedModel trained = PretrainedModel.load(model)) {
      long[] shape = trained.model().sampleShape();
      require(
          !png || (shape.length == 3 && (shape[0] == 1 || shape[0] == 3)),
          "--out must end in .npy, for the model's samples are no pictures: " + file);
      write(sample(trained), png);
    }
    return 0;
  }

  private SamplingResult sample(PretrainedModel trained) {
    SameDiffDenoiser denoiser = trained.model();
    int total = denoiser.schedule().steps();
    int chosen =
        steps != null ? steps : method == Method.DDIM ? Math.min(DDIM_STEPS, total) : total;
    long batches = (count + batch - 1L) / batch;
    try (Progress progress =
        new Progress("sampling", batches * chosen, spec.commandLine().getOut())) {
      SamplingRequest request =
          SamplingRequest.builder(count)
              .seed(seed)
              .batchSize(batch)
              .condition(condition(denoiser.classes()))
              .listener(progress.sampling())
              .build();
      return sampler(trained.scheduler(), chosen).sample(denoiser, request);
    }
  }

  private Sampler sampler(SchedulerConfig config, int chosen) {
    return switch (method) {
      case DDPM -> Samplers.ddpm(withVariance(config, "fixed_large"), chosen);
      case DDPM_POSTERIOR -> Samplers.ddpm(withVariance(config, "fixed_small"), chosen);
      case DDIM -> Samplers.ddim(config, chosen, eta);
    };
  }

  private static SchedulerConfig withVariance(SchedulerConfig config, String type) {
    Map<String, @Nullable Object> settings = new TreeMap<>(config.settings());
    settings.put("variance_type", type);
    return new SchedulerConfig(config.className(), settings);
  }

  private Condition condition(int classes) {
    Integer one = label;
    if (classes == 0) {
      require(one == null, "--label is for class-conditional models but " + model + " is none");
      return Condition.none();
    }
    require(
        one == null || (one >= 0 && one < classes),
        "--label must be in [0, " + (classes - 1) + "] but was " + one);
    return one != null
        ? Condition.label(one, count)
        : Condition.labels(IntStream.range(0, count).map(i -> i % classes).toArray());
  }

  private void write(SamplingResult result, boolean png) throws IOException {
    try (INDArray samples = result.samples()) {
      if (png) {
        Pictures.writeGrid(file, samples);
      } else {
        NpyFiles.write(file, samples);
      }
    }
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "written  %s, %d samples in %.1f s%n",
            file,
            count,
            result.duration().toMillis() / 1e3);
  }

  private void require(boolean met, String message) {
    if (!met) {
      throw new ParameterException(spec.commandLine(), message);
    }
  }

  /** Reads the names of {@link Method}. */
  static final class MethodConverter implements ITypeConverter<Method> {

    @Override
    public Method convert(String value) {
      for (Method method : Method.values()) {
        if (method.toString().equals(value)) {
          return method;
        }
      }
      throw new TypeConversionException("must be ddpm, ddpm-posterior or ddim but was " + value);
    }
  }
}
