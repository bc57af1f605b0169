package org.diffusion4j.training;

import org.diffusion4j.Denoiser;
import org.diffusion4j.unet.OutputLoss;

/** L_simple + lambda L_vlb: Improved DDPM (Nichol and Dhariwal 2021), equation 16. */
record Hybrid(double lambda) implements Objective {

  Hybrid {
    if (!(lambda > 0 && lambda < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("lambda must be positive and finite but was " + lambda);
    }
  }

  @Override
  public void check(Denoiser model) {
    if (!model.learnsVariance()) {
      throw new IllegalArgumentException(
          "a model whose variance is fixed must be trained for a mean squared error but was to be"
              + " for "
              + this);
    }
    ReverseStep.all(model);
  }

  @Override
  public OutputLoss loss(NoisyBatch batch) {
    SquaredErrors simple = new SquaredErrors(batch, Weighting.simple());
    float[] x0 = Floats.of(batch.x0());
    EightBit.requireRange(x0);
    float[] xt = Floats.of(batch.xt());
    ReverseStep[] steps = ReverseStep.of(batch.schedule(), batch.prediction(), batch.t());
    int length = simple.length();
    double factor = lambda * batch.schedule().steps() / x0.length;
    return (sample, output, gradient) -> {
      SquaredErrors.requireLength(output, 2 * length);
      double loss = simple.of(sample, output, gradient);
      ReverseStep step = steps[sample];
      double slope = factor * step.logVarianceSlope();
      double bound = 0;
      for (int i = 0; i < length; i++) {
        int k = sample * length + i;
        double estimate = step.x0(xt[k], output[i]);
        double logVariance = step.logVariance(output[length + i]);
        if (step.isLast()) {
          bound += EightBit.nats(x0[k], estimate, logVariance);
          gradient[length + i] = (float) (slope * EightBit.slope(x0[k], estimate, logVariance));
        } else {
          double ratio = step.ratio(x0[k], estimate, logVariance);
          bound += step.nats(ratio, logVariance);
          gradient[length + i] = (float) (slope * ReverseStep.slope(ratio));
        }
      }
      return loss + factor * bound;
    };
  }

  @Override
  public String toString() {
    return "hybrid(lambda=" + lambda + ")";
  }
}
