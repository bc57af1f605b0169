package org.diffusion4j.examples;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.TrainingStep;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An exponential average of a model's weights over its training, from which samples come out better
 * than from the last weights: DDPM (Ho et al. 2020), appendix B.
 */
final class WeightAverage implements TrainingListener, AutoCloseable {

  private record Averaged(INDArray weight, INDArray average) {}

  private final SameDiffDenoiser model;
  private final List<Averaged> all = new ArrayList<>();
  private final double decay;

  /**
   * @param decay share of the average that a step keeps, in [0, 1); less in the first steps, so
   *     that the random weights of the beginning are forgotten
   */
  WeightAverage(SameDiffDenoiser model, double decay) {
    this.model = model;
    this.decay = decay;
    model.parameters().values().forEach(weight -> all.add(new Averaged(weight, weight.dup())));
  }

  @Override
  public void onStep(TrainingStep step) {
    double keep = Math.min(decay, (1.0 + step.index()) / (10.0 + step.index()));
    for (Averaged one : all) {
      try (INDArray difference = one.weight().sub(one.average())) {
        one.average().addi(difference.muli(1 - keep));
      }
    }
  }

  /** Gives the model the averages as its weights. */
  void writeBack() {
    all.forEach(one -> one.weight().assign(one.average()));
    model.parameters(); // Predictions read the weights anew.
  }

  @Override
  public void close() {
    all.forEach(one -> one.average().close());
  }
}
