package org.diffusion4j.training;

import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.training.Loss.Weighting;

/** The weightings of papers, written to avoid divisions by 0 where a limit exists. */
final class Weightings {

  private Weightings() {}

  /**
   * The weight at a timestep.
   *
   * @throws IllegalArgumentException if it is not finite or negative
   */
  static double at(Weighting weighting, Prediction prediction, NoiseSchedule schedule, int t) {
    double snr = schedule.snr(t);
    double weight = weighting.of(prediction, snr);
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
        case EPSILON -> snr <= gamma ? 1 : gamma / snr;
        case SAMPLE -> Math.min(snr, gamma);
        case VELOCITY -> Math.min(snr, gamma) / (snr + 1);
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
        case EPSILON -> Math.max(1, 1 / snr);
        case SAMPLE -> Math.max(snr, 1);
        case VELOCITY -> Math.max(snr, 1) / (snr + 1);
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
        case EPSILON -> ofEpsilon;
        case SAMPLE -> snr * ofEpsilon;
        case VELOCITY -> snr / (snr + 1) * ofEpsilon;
      };
    }

    @Override
    public String toString() {
      return "p2(k=" + k + ", gamma=" + gamma + ")";
    }
  }
}
