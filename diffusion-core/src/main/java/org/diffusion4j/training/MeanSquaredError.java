package org.diffusion4j.training;

import java.util.Objects;
import org.diffusion4j.Denoiser;
import org.diffusion4j.unet.OutputLoss;

/** The weighted mean squared error of the prediction. */
record MeanSquaredError(Weighting weighting) implements Objective {

  MeanSquaredError {
    Objects.requireNonNull(weighting, "weighting");
  }

  @Override
  public void check(Denoiser model) {
    if (model.learnsVariance()) {
      throw new IllegalArgumentException(
          "a model that learns the variance must be trained for hybrid but was to be for " + this);
    }
    for (int t = 0; t < model.schedule().steps(); t++) {
      Weightings.at(weighting, model.prediction(), model.schedule(), t);
    }
  }

  @Override
  public OutputLoss loss(NoisyBatch batch) {
    SquaredErrors errors = new SquaredErrors(batch, weighting);
    return (sample, output, gradient) -> {
      SquaredErrors.requireLength(output, errors.length());
      return errors.of(sample, output, gradient);
    };
  }

  @Override
  public String toString() {
    return "meanSquaredError(" + weighting + ")";
  }
}
