package org.diffusion4j.examples;

import com.google.common.io.MoreFiles;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Repaints a part of pictures: RePaint (Lugmayr et al. 2022). */
@Command(
    name = "inpaint",
    description = "Repaints a part of a picture, so that it fits the rest.",
    mixinStandardHelpOptions = true)
final class InpaintCommand extends ExampleCommand {

  @Mixin private final SteeringOptions options = new SteeringOptions();

  @Option(
      names = "--mask",
      description = "Picture that is white where to repaint, black elsewhere (the lower half).")
  private @Nullable Path mask;

  @Option(
      names = "--count",
      converter = Positive.class,
      description = "Repainted pictures of each (${DEFAULT-VALUE}).")
  private int count = 3;

  @Option(
      names = "--jump",
      converter = Positive.class,
      description = "Steps of RePaint's jumps (${DEFAULT-VALUE}).")
  private int jump = 5;

  @Option(
      names = "--visits",
      converter = Positive.class,
      description = "How often RePaint takes each step (${DEFAULT-VALUE}).")
  private int visits = 4;

  @Option(names = "--out", description = "PNG file for the pictures (${DEFAULT-VALUE}).")
  private Path out = Path.of("out/inpaint.png");

  @Override
  public Integer call() throws IOException {
    require(out.toString().endsWith(".png"), "--out must end in .png: " + out);
    try (PretrainedModel trained = options.model.load()) {
      options.requireFit(trained.model());
      try (INDArray known = known(trained.model().sampleShape());
          INDArray pictures = options.pictures(trained)) {
        repaint(trained, pictures, known);
      }
    }
    return 0;
  }

  /** The mask of what is known: 1 where pictures are kept. */
  private INDArray known(long... shape) throws IOException {
    INDArray values = Nd4j.ones(DataType.FLOAT, 1, 1, shape[1], shape[2]);
    if (mask == null) {
      values
          .get(
              NDArrayIndex.all(),
              NDArrayIndex.all(),
              NDArrayIndex.interval(shape[1] / 2, shape[1]),
              NDArrayIndex.all())
          .assign(0);
      return values;
    }
    try (INDArray white = ImageFiles.read(mask, 1, shape[1], shape[2])) {
      return values.subi(white.addi(1).divi(2));
    }
  }

  private void repaint(PretrainedModel trained, INDArray pictures, INDArray known)
      throws IOException {
    int rows = (int) pictures.size(0);
    Condition each = options.conditions(trained.model());
    Condition all =
        each.isNone()
            ? each
            : Condition.labels(
                IntStream.range(0, rows * count).map(i -> each.labels()[i / count]).toArray());
    Sampler sampler =
        Samplers.ddim(trained.scheduler(), options.steps(trained.model()), 1)
            .withEpsilonFromCorrected()
            .withJumps(jump, visits);
    try (INDArray repeated = pictures.repeat(0, count);
        SamplingResult result =
            sampler.sample(
                trained.model(),
                SamplingRequest.builder(rows * count)
                    .seed(options.seed)
                    .condition(all)
                    .known(repeated, known)
                    .build());
        INDArray seen = pictures.mul(known)) {
      List<PictureTable.Row> table = new ArrayList<>();
      for (int row = 0; row < rows; row++) {
        List<BufferedImage> cells = new ArrayList<>();
        cells.add(SteeringOptions.cell(pictures, row));
        cells.add(SteeringOptions.cell(seen, row));
        for (int i = 0; i < count; i++) {
          cells.add(SteeringOptions.cell(result.samples(), (long) row * count + i));
        }
        table.add(new PictureTable.Row(options.name(each, row), "", cells));
      }
      List<String> columns = new ArrayList<>(List.of("picture", "known", "repainted"));
      columns.addAll(Collections.nCopies(count - 1, ""));
      MoreFiles.createParentDirectories(out);
      Pictures.write(out, new PictureTable(columns, table).draw());
      out()
          .printf(
              Locale.ROOT,
              "written  %s, %d pictures in %.1f s%n",
              out,
              rows * count,
              result.duration().toMillis() / 1e3);
    }
  }
}
