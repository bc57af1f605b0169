package org.diffusion4j.examples;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.diffusion4j.Prediction;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.nd4j.linalg.api.buffer.DataType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains on the digits that come with the examples. */
@Command(
    name = "digits",
    description = "Trains a small U-Net on handwritten digits and draws samples.",
    mixinStandardHelpOptions = true)
final class DigitsCommand implements Callable<Integer> {

  /** 0.7 million weights: two levels, 8 x 8 and 4 x 4 with attention. */
  private static final UNetConfig NETWORK =
      UNetConfig.builder(1, 8, 8)
          .blockOutChannels(32, 64)
          .downBlocks(Block.PLAIN, Block.ATTENTION)
          .layersPerBlock(1)
          .normGroups(8)
          .build();

  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Mixin
  private final TrainingOptions training = new TrainingOptions(700, 64, 2e-3, 0.995, "out/digits");

  @Option(
      names = "--sampling-steps",
      converter = Positive.class,
      description = "Number of sampling steps, at most 1000 (${DEFAULT-VALUE}).")
  private int samplingSteps = 100;

  @Override
  public Integer call() throws IOException {
    new ImageTraining(
            Digits.train(),
            NETWORK,
            ImageTraining.scheduler(1000, Prediction.EPSILON),
            training,
            null,
            DataType.FLOAT,
            samplingSteps,
            spec.commandLine().getOut())
        .run();
    return 0;
  }
}
