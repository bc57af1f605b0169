package org.diffusion4j.training;

import java.util.Arrays;
import java.util.Objects;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.training.Loss.Weighting;

/** The mean squared error of the prediction, weighted by timestep. */
record MeanSquaredErrorLoss(Weighting weighting) implements Loss {

  MeanSquaredErrorLoss {
    Objects.requireNonNull(weighting, "weighting");
  }

  @Override
  public void check(Denoiser model) {
    if (model.learnsVariance()) {
      throw new IllegalArgumentException(
          "a model that learns the variance must be trained with the hybrid loss but the loss was "
              + this);
    }
    for (int t = 0; t < model.schedule().steps(); t++) {
      Weightings.at(weighting, model.prediction(), model.schedule().level(t), t);
    }
  }

  @Override
  public SampleLoss of(NoisyBatch batch) {
    double[] weights =
        Arrays.stream(batch.t())
            .mapToDouble(
                t -> Weightings.at(weighting, batch.prediction(), batch.schedule().level(t), t))
            .toArray();
    return SampleLoss.meanSquaredError(batch.target(), weights);
  }

  @Override
  public String toString() {
    return "meanSquaredError(" + weighting + ")";
  }
}
