package org.diffusion4j.training;

import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.training.Loss.Weighting;

/** The weightings of papers, written to avoid divisions by 0 where a limit exists. */
final class Weightings {

  private Weightings() {}

  /**
   * The weight at a timestep with its noise level. That of scores is multiplied by the variance of
   * the noise, so that it weights the error of the noise (Song et al. 2021, section 3.3).
   * Velocities and EDM's outputs are those of data of variance 1, and so is their signal-to-noise
   * ratio.
   *
   * @throws IllegalArgumentException if it is not finite or negative
   */
  static double at(Weighting weighting, Prediction prediction, Level level, int t) {
    double variance = level.noise() * level.noise();
    double snr =
        switch (prediction) {
          case VELOCITY, EDM -> (1 - variance) / variance;
          default -> level.signal() * level.signal() / variance;
        };
    double weight = weighting.of(prediction, snr) * (prediction == Prediction.SCORE ? variance : 1);
    if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "weights must be finite and at least 0 but "
              + weighting
              + " gives "
              + weight
              + " for "
              + prediction
              + " at timestep "
              + t
              + ", where the snr is "
              + snr);
    }
    return weight;
  }

  /** The squared error of a flow's velocity for a squared error 1 of x_0. */
  private static double flow(double snr) {
    return (1 + Math.sqrt(snr)) * (1 + Math.sqrt(snr));
  }

  record Simple() implements Weighting {

    @Override
    public double of(Prediction prediction, double snr) {
      return 1;
    }

    @Override
    public String toString() {
      return "simple";
    }
  }

  record MinSnr(double gamma) implements Weighting {

    MinSnr {
      if (!(gamma > 0 && gamma < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("gamma must be positive and finite but was " + gamma);
      }
    }

    @Override
    public double of(Prediction prediction, double snr) {
      return switch (prediction) {
        case EPSILON, SCORE -> snr <= gamma ? 1 : gamma / snr;
        case SAMPLE -> Math.min(snr, gamma);
        case VELOCITY, EDM -> Math.min(snr, gamma) / (snr + 1);
        case FLOW -> Math.min(snr, gamma) / flow(snr);
      };
    }

    @Override
    public String toString() {
      return "minSnr(gamma=" + gamma + ")";
    }
  }

  record TruncatedSnr() implements Weighting {

    @Override
    public double of(Prediction prediction, double snr) {
      return switch (prediction) {
        case EPSILON, SCORE -> Math.max(1, 1 / snr);
        case SAMPLE -> Math.max(snr, 1);
        case VELOCITY, EDM -> Math.max(snr, 1) / (snr + 1);
        case FLOW -> Math.max(snr, 1) / flow(snr);
      };
    }

    @Override
    public String toString() {
      return "truncatedSnr";
    }
  }

  record P2(double k, double gamma) implements Weighting {

    P2 {
      if (!(k > 0 && k < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("k must be positive and finite but was " + k);
      }
      if (!(gamma >= 0 && gamma < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("gamma must be finite and at least 0 but was " + gamma);
      }
    }

    @Override
    public double of(Prediction prediction, double snr) {
      double ofEpsilon = Math.pow(k + snr, -gamma);
      return switch (prediction) {
        case EPSILON, SCORE -> ofEpsilon;
        case SAMPLE -> snr * ofEpsilon;
        case VELOCITY, EDM -> snr / (snr + 1) * ofEpsilon;
        case FLOW -> snr / flow(snr) * ofEpsilon;
      };
    }

    @Override
    public String toString() {
      return "p2(k=" + k + ", gamma=" + gamma + ")";
    }
  }
}
