package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Samples from a saved model. */
@Command(
    name = "generate",
    description = "Samples from a model directory, written here or by diffusers.",
    mixinStandardHelpOptions = true)
final class GenerateCommand extends ExampleCommand {

  private static final int FEWER_STEPS = 50;

  @Option(
      names = "--model",
      description =
          "Model directory, or fashion for the one that comes with the examples"
              + " (${DEFAULT-VALUE}).")
  private Path model = Path.of("out/digits/model");

  @Option(
      names = "--sampler",
      converter = NamedSampler.Converter.class,
      completionCandidates = NamedSampler.Names.class,
      description = "One of ${COMPLETION-CANDIDATES} (${DEFAULT-VALUE}).")
  private NamedSampler method = NamedSampler.DDIM;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Number of samples (${DEFAULT-VALUE}).")
  private int count = 64;

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Sampling steps (all steps of the schedule for ddpm, otherwise 50).")
  private @Nullable Integer steps;

  @Option(
      names = "--eta",
      description = "Randomness of ddim, from 0 (none) to 1 (${DEFAULT-VALUE}).")
  private double eta;

  @Option(names = "--label", description = "Class of all samples (every class in turn).")
  private @Nullable Integer label;

  @Option(
      names = "--guidance",
      description =
          "Scale of classifier-free guidance, for models with a null class (${DEFAULT-VALUE}).")
  private double guidance = 1;

  @Option(
      names = "--bfloat16",
      description = "Compute convolutions in bfloat16: faster, with errors of about 1 %%.")
  private boolean bfloat16;

  @Option(names = "--seed", description = "Seed of the noise (${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--batch",
      converter = Positive.class,
      description = "Batch size (${DEFAULT-VALUE}).")
  private int batch = 100;

  @Option(
      names = "--out",
      description =
          "Output file: a .png image with all samples or a .npy array (${DEFAULT-VALUE}).")
  private Path file = Path.of("out/samples.png");

  private Condition condition = Condition.none();

  @Override
  public Integer call() throws IOException {
    boolean png = file.toString().endsWith(".png");
    require(png || file.toString().endsWith(".npy"), "--out must end in .png or .npy: " + file);
    require(
        eta == 0 || method.equals(NamedSampler.DDIM),
        "--eta is for ddim but the sampler is " + method);
    require(eta >= 0 && eta <= 1, "--eta must be in [0, 1] but was " + eta);
    try (PretrainedModel trained = Clothes.orModel(model)) {
      long[] shape = trained.model().sampleShape();
      require(
          !png || (shape.length == 3 && (shape[0] == 1 || shape[0] == 3)),
          "--out must end in .npy because the model's samples are not pictures: " + file);
      write(sample(trained), png);
    }
    return 0;
  }

  private SamplingResult sample(PretrainedModel trained) {
    SameDiffDenoiser denoiser = trained.model();
    int total = denoiser.schedule().steps();
    int chosen =
        steps != null ? steps : method.takesAllSteps() ? total : Math.min(FEWER_STEPS, total);
    condition = condition(denoiser.classes());
    long batches = (count + batch - 1L) / batch;
    try (Progress progress = new Progress("sampling", batches * chosen, out())) {
      SamplingRequest request =
          SamplingRequest.builder(count)
              .seed(seed)
              .batchSize(batch)
              .condition(condition)
              .listener(progress.sampling())
              .build();
      return sampler(trained.scheduler(), chosen).sample(guided(denoiser), request);
    }
  }

  private Denoiser guided(SameDiffDenoiser denoiser) {
    require(
        guidance == 1 || denoiser.hasNullClass(),
        "--guidance is for models with a null class but " + model + " has none");
    Denoiser plain = bfloat16 ? denoiser.inBfloat16() : denoiser;
    return guidance == 1 ? plain : ClassifierFreeGuidance.of(plain, guidance);
  }

  private Sampler sampler(SchedulerConfig config, int chosen) {
    return eta == 0 ? method.sampler(config, chosen) : NamedSampler.ddim(config, chosen, eta);
  }

  private Condition condition(int classes) {
    Integer one = label;
    if (classes == 0) {
      require(one == null, "--label is for class-conditional models but " + model + " is not");
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
        writeLabels();
      }
    }
    out()
        .printf(
            Locale.ROOT,
            "written  %s, %d samples in %.1f s%n",
            file,
            count,
            result.duration().toMillis() / 1e3);
  }

  /** Writes the class of each sample to a text file next to the array, if there are classes. */
  private void writeLabels() throws IOException {
    if (!condition.isNone()) {
      Path labels =
          file.resolveSibling(file.getFileName().toString().replace(".npy", ".labels.txt"));
      Files.write(labels, Arrays.stream(condition.labels()).mapToObj(Integer::toString).toList());
    }
  }
}
