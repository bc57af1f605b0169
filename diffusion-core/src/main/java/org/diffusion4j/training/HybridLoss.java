package org.diffusion4j.training;

import java.util.Arrays;
import org.diffusion4j.Denoiser;
import org.diffusion4j.SampleLoss;

/** L_simple + lambda L_vlb: Improved DDPM (Nichol and Dhariwal 2021), equation 16. */
record HybridLoss(double lambda) implements Loss {

  private static final Loss SIMPLE = Loss.meanSquaredError();

  HybridLoss {
    if (!(lambda > 0 && lambda < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("lambda must be positive and finite but was " + lambda);
    }
  }

  @Override
  public void check(Denoiser model) {
    if (!model.learnsVariance()) {
      throw new IllegalArgumentException(
          "a model with a fixed variance must be trained with a mean squared error but the loss was"
              + " "
              + this);
    }
    ReverseStep.all(model);
  }

  @Override
  public SampleLoss of(NoisyBatch batch) {
    SampleLoss simple = SIMPLE.of(batch);
    float[] x0 = Floats.of(batch.x0());
    EightBit.requireRange(x0);
    float[] xt = Floats.of(batch.xt());
    ReverseStep[] steps = ReverseStep.of(batch.schedule(), batch.prediction(), batch.t());
    int length = x0.length / steps.length;
    double factor = lambda * batch.schedule().steps() / x0.length;
    return (sample, output, gradient) -> {
      if (output.length != 2 * length) {
        throw new IllegalArgumentException(
            "outputs must have " + 2 * length + " values per sample but had " + output.length);
      }
      float[] ofPrediction = new float[length];
      double loss = simple.of(sample, Arrays.copyOf(output, length), ofPrediction);
      System.arraycopy(ofPrediction, 0, gradient, 0, length);
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
