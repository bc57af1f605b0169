package org.diffusion4j.examples;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options of the examples that change pictures, and the pictures that they change. */
final class SteeringOptions {

  /** How many pictures of a model without classes are changed. */
  private static final int UNLABELLED = 5;

  private static final int STEPS = 50;

  @SuppressWarnings("NullAway.Init")
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin final ModelOption model = new ModelOption();

  @Option(
      names = "--picture",
      description = "Picture to change, scaled to the model's size (samples of the model).")
  @Nullable Path picture;

  @Option(names = "--label", description = "Class of the picture (every class in turn).")
  @Nullable Integer label;

  @Option(
      names = "--steps",
      converter = Positive.class,
      description = "Sampling steps (50, or as many as the schedule has).")
  private @Nullable Integer given;

  @Option(names = "--seed", description = "Seed of the noise (${DEFAULT-VALUE}).")
  long seed;

  /** Refuses options that do not fit a model. */
  void requireFit(SameDiffDenoiser denoiser) {
    int total = denoiser.schedule().steps();
    int classes = denoiser.classes();
    long[] shape = denoiser.sampleShape();
    require(
        given == null || given <= total, "--steps must be in [1, " + total + "] but was " + given);
    require(
        label == null || classes > 0,
        "--label is for class-conditional models but " + model + " is not");
    require(
        label == null || (label >= 0 && label < classes),
        "--label must be in [0, " + (classes - 1) + "] but was " + label);
    require(
        shape.length == 3 && (shape[0] == 1 || shape[0] == 3),
        "--model must be of pictures but the samples of " + model + " are not");
  }

  private void require(boolean met, String message) {
    ExampleCommand.require(spec, met, message);
  }

  /** The number of steps for a model. */
  int steps(SameDiffDenoiser denoiser) {
    return given != null ? given : Math.min(STEPS, denoiser.schedule().steps());
  }

  /** The class of each picture that is changed, none for a model without classes. */
  Condition conditions(SameDiffDenoiser denoiser) {
    if (label != null) {
      return Condition.labels(label);
    }
    return denoiser.classes() == 0 || picture != null
        ? Condition.none()
        : Condition.labels(IntStream.range(0, denoiser.classes()).toArray());
  }

  /**
   * The pictures that are changed: the given one, or a sample of each class.
   *
   * @return {@code [n, channels, height, width]}, owned by the caller
   */
  INDArray pictures(PretrainedModel trained) throws IOException {
    SameDiffDenoiser denoiser = trained.model();
    long[] shape = denoiser.sampleShape();
    if (picture != null) {
      return ImageFiles.read(picture, shape).reshape(1, shape[0], shape[1], shape[2]);
    }
    Condition each = conditions(denoiser);
    int count = each.isNone() ? UNLABELLED : each.labels().length;
    SamplingRequest request = SamplingRequest.builder(count).seed(seed).condition(each).build();
    return Samplers.ddim(trained.scheduler(), steps(denoiser), 0)
        .withEpsilonFromCorrected()
        .sample(denoiser, request)
        .samples();
  }

  /** What a row of pictures is called. */
  String name(Condition each, int row) {
    if (!each.isNone()) {
      return "class " + each.labels()[row];
    }
    return picture == null ? "sample " + row : String.valueOf(picture.getFileName());
  }

  /** A row of an array of samples, as an array of one. */
  static INDArray one(INDArray samples, long index) {
    return samples.get(NDArrayIndex.interval(index, index + 1));
  }

  /** A sample, magnified. */
  static BufferedImage cell(INDArray samples, long index) {
    return Pictures.grid(one(samples, index), 1);
  }
}
