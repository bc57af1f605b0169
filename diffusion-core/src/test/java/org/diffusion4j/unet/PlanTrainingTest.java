package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;

class PlanTrainingTest {

  private static final int STEPS = 20;

  private static UNet unet() {
    UNetConfig config = Architectures.tiny().downBlocks(Block.PLAIN, Block.ATTENTION).build();
    return UNet.create(config, NoiseSchedule.linear(100), 1);
  }

  /** The losses of steps on batches of 5, 5 and 4 samples in turn. */
  private static List<Double> losses(UNet model) {
    DataSet data =
        new DataSet(
            PlanAndSession.gaussian(new Random(1), 14, 1, 8, 8), Nd4j.zeros(DataType.FLOAT, 14, 1));
    List<Double> losses = new ArrayList<>();
    try (DiffusionTrainer trainer =
        DiffusionTrainer.builder(model)
            .optimizer(Optimizer.adam(1e-3))
            .maxGradientNorm(1)
            .seed(3)
            .build()) {
      trainer.train(new ViewIterator(data, 5), STEPS, step -> losses.add(step.loss()));
    }
    return losses;
  }

  @Test
  void train_onAPlan_hasTheLossesOfTheSession() {
    try (UNet plan = unet();
        UNet session = PlanAndSession.inSession(PlanTrainingTest::unet)) {
      List<Double> actual = losses(plan);
      List<Double> expected = losses(session);
      assertThat(actual).hasSize(STEPS);
      assertThat(expected.get(STEPS - 1)).isLessThan(0.9 * expected.get(0));
      for (int i = 0; i < STEPS; i++) {
        assertThat(actual.get(i))
            .as("loss of step %s", i)
            .isCloseTo(expected.get(i), within(1e-5 * expected.get(i)));
      }
    }
  }
}
