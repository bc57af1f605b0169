package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares samplers, or guidance scales, with the same noise. */
@Command(
    name = "compare",
    description = {
      "Draws samples from the same noise with each sampler and number of steps.",
      "With --guidances: with each guidance scale, of each class."
    },
    mixinStandardHelpOptions = true)
final class CompareCommand extends ExampleCommand {

  private static final List<Integer> STEPS = List.of(5, 10, 20, 50);
  private static final int SAMPLES = 5;
  private static final int GUIDED_STEPS = 50;

  @Mixin private final ModelOption model = new ModelOption();

  @Option(
      names = "--samplers",
      split = ",",
      converter = NamedSampler.Converter.class,
      description = "Names of samplers to compare (all of generate).")
  private @Nullable List<NamedSampler> samplers;

  @Option(
      names = "--steps",
      split = ",",
      converter = Positive.class,
      description = "Numbers of sampling steps (5,10,20,50; with --guidances one number: 50).")
  private @Nullable List<Integer> steps;

  @Option(
      names = "--samples",
      converter = Positive.class,
      description = "Number of samples, of different classes (5; with --guidances: per class, 1).")
  private @Nullable Integer samples;

  @Option(
      names = "--guidance",
      description =
          "Scale of classifier-free guidance, for models with a null class (${DEFAULT-VALUE}).")
  private double guidance = 1;

  @Option(
      names = "--guidances",
      split = ",",
      description = "Compare these guidance scales with ddim instead of samplers.")
  private @Nullable List<Double> guidances;

  @Option(names = "--seed", description = "Seed of the noise (${DEFAULT-VALUE}).")
  private long seed;

  @Option(names = "--out", description = "The picture, a .png file (${DEFAULT-VALUE}).")
  private Path file = Path.of("out/comparison.png");

  @Override
  public Integer call() throws IOException {
    require(file.toString().endsWith(".png"), "--out must end in .png: " + file);
    List<Double> scales = guidances;
    require(
        scales == null || (samplers == null && guidance == 1),
        "--guidances cannot be given with --samplers or --guidance");
    try (PretrainedModel trained = model.load()) {
      long[] shape = trained.model().sampleShape();
      require(
          shape.length == 3 && (shape[0] == 1 || shape[0] == 3),
          "--model must be of pictures but " + model + " is not");
      PictureTable table = scales == null ? ofSamplers(trained) : ofGuidance(trained, scales);
      MoreFiles.createParentDirectories(file);
      Pictures.write(file, table.draw());
    }
    out().println("written  " + file);
    return 0;
  }

  /** A row for each sampler, a column for each number of steps. */
  private PictureTable ofSamplers(PretrainedModel trained) {
    List<Integer> columns = steps != null ? steps : STEPS;
    columns.forEach(count -> requireSteps(count, trained.model()));
    Denoiser denoiser = guided(trained.model(), guidance);
    int count = samples != null ? samples : SAMPLES;
    SamplingRequest request = request(trained.model(), count, 1);
    List<PictureTable.Row> rows = new ArrayList<>();
    for (NamedSampler method : samplers != null ? samplers : NamedSampler.ofUsualModels()) {
      List<BufferedImage> cells = new ArrayList<>();
      List<Integer> calls = new ArrayList<>();
      for (int column : columns) {
        Sampler sampler = method.sampler(trailing(trained), column);
        try (SamplingResult result = sampler.sample(denoiser, request)) {
          cells.add(Pictures.grid(result.samples(), count));
          calls.add(result.denoiserCalls());
        }
      }
      String note =
          calls.stream().map(String::valueOf).collect(Collectors.joining(", ")) + " calls";
      rows.add(row(method.toString(), note, cells));
    }
    return new PictureTable(
        columns.stream().map(n -> n + (n == 1 ? " step" : " steps")).toList(), rows);
  }

  /** A row for each scale, a column for each class. */
  private PictureTable ofGuidance(PretrainedModel trained, List<Double> scales) {
    SameDiffDenoiser denoiser = trained.model();
    int classes = denoiser.classes();
    require(classes > 0, "--guidances is for class-conditional models but " + model + " is not");
    require(
        steps == null || steps.size() == 1,
        "--steps must be one number with --guidances but was " + steps);
    int taken = steps != null ? steps.get(0) : Math.min(GUIDED_STEPS, denoiser.schedule().steps());
    requireSteps(taken, denoiser);
    int each = samples != null ? samples : 1;
    SamplingRequest request = request(denoiser, classes * each, each);
    Sampler ddim = NamedSampler.DDIM.sampler(trailing(trained), taken);
    List<PictureTable.Row> rows = new ArrayList<>();
    for (double scale : scales) {
      List<BufferedImage> cells = new ArrayList<>();
      try (SamplingResult result = ddim.sample(guided(denoiser, scale), request)) {
        for (int label = 0; label < classes; label++) {
          INDArray ofClass =
              result.samples().get(NDArrayIndex.interval((long) label * each, (label + 1L) * each));
          cells.add(Pictures.grid(ofClass, each));
        }
      }
      String number = scale == Math.rint(scale) ? "%.0f" : "%s";
      rows.add(row(String.format(Locale.ROOT, "scale " + number, scale), "", cells));
    }
    return new PictureTable(
        IntStream.range(0, classes).mapToObj(label -> "class " + label).toList(), rows);
  }

  /** Sets trailing spacing for samplers that read the settings. */
  private static SchedulerConfig trailing(PretrainedModel trained) {
    return trained.scheduler().with("timestep_spacing", "trailing");
  }

  /** A request in one batch with {@code ofEach} samples of each class in turn. */
  private SamplingRequest request(SameDiffDenoiser denoiser, int count, int ofEach) {
    int classes = denoiser.classes();
    Condition condition =
        classes == 0
            ? Condition.none()
            : Condition.labels(IntStream.range(0, count).map(i -> i / ofEach % classes).toArray());
    return SamplingRequest.builder(count).seed(seed).batchSize(count).condition(condition).build();
  }

  private Denoiser guided(SameDiffDenoiser denoiser, double scale) {
    require(scale >= 0, "scale of guidance must be at least 0 but was " + scale);
    require(
        scale == 1 || denoiser.hasNullClass(),
        "guidance is for models with a null class but " + model + " has none");
    return scale == 1 ? denoiser : ClassifierFreeGuidance.of(denoiser, scale);
  }

  private PictureTable.Row row(String label, String note, List<BufferedImage> cells) {
    out().printf(Locale.ROOT, "%-15s %s%n", label, note);
    out().flush();
    return new PictureTable.Row(label, note, cells);
  }

  private void requireSteps(int count, SameDiffDenoiser denoiser) {
    int total = denoiser.schedule().steps();
    require(count <= total, "--steps must be in [1, " + total + "] but was " + count);
  }
}
