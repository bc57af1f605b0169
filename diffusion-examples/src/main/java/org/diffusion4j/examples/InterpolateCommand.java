package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.DdimInversion;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.Timesteps;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Strips of pictures between two seeds, or between two pictures, and their animation. */
@Command(
    name = "interpolate",
    description = {
      "Draws pictures on the way from one seed to another, of every class.",
      "With --picture and --to-picture: from one picture to another."
    },
    mixinStandardHelpOptions = true)
final class InterpolateCommand extends ExampleCommand {

  private static final int ITERATIONS = 3;
  private static final int FRAME_MILLISECONDS = 120;

  @Mixin private final SteeringOptions options = new SteeringOptions();

  @Option(names = "--to-seed", description = "Seed of the last picture (${DEFAULT-VALUE}).")
  private long toSeed = 1;

  @Option(names = "--to-picture", description = "The last picture (none: a sample of --to-seed).")
  private @Nullable Path toPicture;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Pictures of a strip, at least 2 (${DEFAULT-VALUE}).")
  private int count = 12;

  @Option(names = "--out", description = "PNG file for the strips (${DEFAULT-VALUE}).")
  private Path out = Path.of("out/interpolate.png");

  @Option(names = "--gif", description = "GIF file for their animation (${DEFAULT-VALUE}).")
  private Path gif = Path.of("out/interpolate.gif");

  @Override
  public Integer call() throws IOException {
    require(out.toString().endsWith(".png"), "--out must end in .png: " + out);
    require(gif.toString().endsWith(".gif"), "--gif must end in .gif: " + gif);
    require(count >= 2, "--count must be at least 2 but was " + count);
    require(
        (options.picture == null) == (toPicture == null),
        "--picture and --to-picture must be given together");
    long start = System.nanoTime();
    try (PretrainedModel trained = options.model.load()) {
      options.requireFit(trained.model());
      List<INDArray> strips = strips(trained);
      try (INDArray all = Nd4j.concat(0, strips.toArray(INDArray[]::new))) {
        MoreFiles.createParentDirectories(out);
        Pictures.write(out, Pictures.grid(all, count));
        MoreFiles.createParentDirectories(gif);
        AnimatedGif.write(gif, frames(all), FRAME_MILLISECONDS);
        out()
            .printf(
                Locale.ROOT,
                "written  %s and %s, %d pictures in %.1f s%n",
                out,
                gif,
                all.size(0),
                (System.nanoTime() - start) / 1e9);
      } finally {
        strips.forEach(INDArray::close);
      }
    }
    return 0;
  }

  /** A strip {@code [count, channels, height, width]} of each class. */
  private List<INDArray> strips(PretrainedModel trained) throws IOException {
    SameDiffDenoiser denoiser = trained.model();
    Condition each = options.conditions(denoiser);
    if (options.picture != null && toPicture != null) {
      return List.of(between(trained, options.picture, toPicture, each));
    }
    List<INDArray> strips = new ArrayList<>();
    for (int row = 0; row < (each.isNone() ? 1 : each.labels().length); row++) {
      Condition all = each.isNone() ? each : Condition.label(each.labels()[row], count);
      SamplingRequest request =
          SamplingRequest.builder(count)
              .noise(NoiseSource.between(options.seed, toSeed, count))
              .condition(all)
              .build();
      DdimSampler sampler =
          Samplers.ddim(trained.scheduler(), options.steps(trained.model()), 0)
              .withEpsilonFromCorrected();
      strips.add(sampler.sample(denoiser, request).samples());
    }
    return strips;
  }

  private INDArray between(PretrainedModel trained, Path first, Path last, Condition condition)
      throws IOException {
    long[] shape = trained.model().sampleShape();
    long[] one = {1, shape[0], shape[1], shape[2]};
    DdimInversion inversion =
        new DdimInversion(Timesteps.of(options.steps(trained.model()), Timesteps.Spacing.LEADING))
            .withIterations(ITERATIONS);
    try (INDArray from = ImageFiles.read(first, shape);
        INDArray to = ImageFiles.read(last, shape)) {
      return inversion.between(
          trained.model(), from.reshape(one), to.reshape(one), condition, count);
    }
  }

  /** The columns of the strips, there and back. */
  private List<BufferedImage> frames(INDArray all) {
    int rows = (int) all.size(0) / count;
    List<BufferedImage> there = new ArrayList<>();
    for (int column = 0; column < count; column++) {
      INDArray[] cells = new INDArray[rows];
      for (int row = 0; row < rows; row++) {
        cells[row] = SteeringOptions.one(all, (long) row * count + column);
      }
      try (INDArray frame = Nd4j.concat(0, cells)) {
        there.add(Pictures.grid(frame, (rows + 1) / 2));
      }
    }
    List<BufferedImage> back = new ArrayList<>(there.subList(1, count - 1));
    Collections.reverse(back);
    there.addAll(back);
    return there;
  }
}
