package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimInversion;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Draws pictures as other classes: DDIM inversion, then DDIM with another class and guidance. */
@Command(
    name = "restyle",
    description = "Draws the same picture as every other class.",
    mixinStandardHelpOptions = true)
final class RestyleCommand extends ExampleCommand {

  private static final int MOST_GUIDANCE = 1000;

  @Mixin private final SteeringOptions options = new SteeringOptions();

  @Option(
      names = "--strength",
      description = "How much noise the picture gets, in (0, 1]; 1 is all (${DEFAULT-VALUE}).")
  private double strength = 0.8;

  @Option(
      names = "--guidance",
      description = "Scale of classifier-free guidance to the other class (${DEFAULT-VALUE}).")
  private double guidance = 3;

  @Option(names = "--out", description = "PNG file for the pictures (${DEFAULT-VALUE}).")
  private Path out = Path.of("out/restyle.png");

  @Override
  public Integer call() throws IOException {
    require(out.toString().endsWith(".png"), "--out must end in .png: " + out);
    require(strength > 0 && strength <= 1, "--strength must be in (0, 1] but was " + strength);
    require(
        guidance >= 0 && guidance <= MOST_GUIDANCE,
        "--guidance must be in [0, " + MOST_GUIDANCE + "] but was " + guidance);
    try (PretrainedModel trained = options.model.load()) {
      SameDiffDenoiser denoiser = trained.model();
      options.requireFit(denoiser);
      require(
          denoiser.hasNullClass(),
          "--model must have classes and a null class but " + options.model + " has not");
      try (INDArray pictures = options.pictures(trained)) {
        restyle(denoiser, pictures);
      }
    }
    return 0;
  }

  private void restyle(SameDiffDenoiser denoiser, INDArray pictures) throws IOException {
    long start = System.nanoTime();
    int rows = (int) pictures.size(0);
    int classes = denoiser.classes();
    Condition own = options.conditions(denoiser);
    int first = (int) Math.round(strength * (denoiser.schedule().steps() - 1));
    Timesteps steps =
        Timesteps.of(Math.min(options.steps(denoiser), first + 1), Timesteps.Spacing.LEADING)
            .withFirst(first);
    List<PictureTable.Row> table = new ArrayList<>();
    try (SamplingResult noisy =
        new DdimInversion(steps)
            .withIterations(2)
            .sample(
                denoiser, SamplingRequest.builder(rows).start(pictures).condition(own).build())) {
      for (int row = 0; row < rows; row++) {
        table.add(row(denoiser, steps, pictures, noisy.samples(), row));
      }
    }
    List<String> columns = new ArrayList<>(List.of("picture"));
    for (int i = 0; i < classes; i++) {
      columns.add("as " + i);
    }
    MoreFiles.createParentDirectories(out);
    Pictures.write(out, new PictureTable(columns, table).draw());
    out()
        .printf(
            Locale.ROOT,
            "written  %s, %d pictures in %.1f s%n",
            out,
            rows * classes,
            (System.nanoTime() - start) / 1e9);
  }

  /** A picture, and the same noise denoised as each class. */
  private PictureTable.Row row(
      SameDiffDenoiser denoiser, Timesteps steps, INDArray pictures, INDArray noises, int row) {
    int classes = denoiser.classes();
    int[] labels = new int[classes];
    for (int i = 0; i < classes; i++) {
      labels[i] = i;
    }
    List<BufferedImage> cells = new ArrayList<>();
    cells.add(SteeringOptions.cell(pictures, row));
    try (INDArray same = SteeringOptions.one(noises, row).repeat(0, classes);
        SamplingResult drawn =
            new DdimSampler(steps, 0)
                .sample(
                    ClassifierFreeGuidance.of(denoiser, guidance),
                    SamplingRequest.builder(classes)
                        .start(same)
                        .condition(Condition.labels(labels))
                        .build())) {
      for (int i = 0; i < classes; i++) {
        cells.add(SteeringOptions.cell(drawn.samples(), i));
      }
    }
    return new PictureTable.Row(options.name(options.conditions(denoiser), row), "", cells);
  }
}
