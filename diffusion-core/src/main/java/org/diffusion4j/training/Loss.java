package org.diffusion4j.training;

import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The loss that training minimises: that of a batch, as a function of the model's outputs for it.
 * Immutable; {@code toString()} describes it.
 */
@FunctionalInterface
public interface Loss {

  /**
   * The loss of a batch.
   *
   * @param batch what the model is asked about; valid as long as the loss is used
   */
  SampleLoss of(NoisyBatch batch);

  /**
   * Checks, before training begins, that a model can be trained for this loss. By default every one
   * can.
   *
   * @param model that is to be trained
   * @throws IllegalArgumentException if not
   */
  default void check(Denoiser model) {}

  /**
   * The mean squared error of what the model predicts: DDPM (Ho et al. 2020), equation 14. Of a
   * model that does not learn the variance.
   */
  static Loss meanSquaredError() {
    return meanSquaredError(Weighting.simple());
  }

  /**
   * The mean squared error of what the model predicts, times a weight. Of a model that does not
   * learn the variance.
   *
   * @param weighting how much each timestep counts
   */
  static Loss meanSquaredError(Weighting weighting) {
    return new MeanSquaredErrorLoss(weighting);
  }

  /** {@link #hybrid(double)} with lambda 0.001, as in the paper. */
  static Loss hybrid() {
    return hybrid(0.001);
  }

  /**
   * {@code L_simple + lambda L_vlb} of a model that learns the variance: Improved DDPM (Nichol and
   * Dhariwal 2021), equation 16. L_vlb trains the variance alone, for the mean in it is held fixed.
   *
   * <p>L_vlb is the sum over all timesteps, equation 4, in nats for each value of a sample; the
   * timestep of a sample stands for all, so its term is multiplied by their number. (The authors'
   * program measures it in bits, as if lambda were 1.44 times larger.) Samples must have values in
   * [-1, 1], as 8-bit images have.
   *
   * @param lambda positive
   * @throws IllegalArgumentException if lambda is not positive or not finite
   */
  static Loss hybrid(double lambda) {
    return new HybridLoss(lambda);
  }

  /**
   * A batch that a model is trained on.
   *
   * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}
   * @param noise that is to be found in the noisy samples, of the same shape
   * @param xt noisy samples, of the same shape
   * @param t timestep of each sample, {@code [n]}, in [0, T-1]
   * @param schedule what the timesteps refer to
   * @param prediction what the model's output stands for
   */
  record NoisyBatch(
      INDArray x0,
      INDArray noise,
      INDArray xt,
      int[] t,
      NoiseSchedule schedule,
      Prediction prediction) {

    /** What the model's outputs should be, in C order; a copy. */
    public float[] target() {
      return switch (prediction) {
        case EPSILON -> Floats.of(noise);
        case SAMPLE -> Floats.of(x0);
        case VELOCITY -> velocity();
      };
    }

    /** {@code sqrt(alphaBar_t) epsilon - sqrt(1 - alphaBar_t) x_0}: Salimans and Ho 2022. */
    private float[] velocity() {
      float[] velocity = Floats.of(noise);
      float[] clean = Floats.of(x0);
      int length = clean.length / t.length;
      for (int i = 0; i < t.length; i++) {
        float ofSignal = (float) Math.sqrt(schedule.alphaBar(t[i]));
        float ofNoise = (float) Math.sqrt(1 - schedule.alphaBar(t[i]));
        for (int k = i * length; k < (i + 1) * length; k++) {
          velocity[k] = ofSignal * velocity[k] - ofNoise * clean[k];
        }
      }
      return velocity;
    }
  }

  /**
   * How much the squared error of a prediction counts at each signal-to-noise ratio. Immutable;
   * {@code toString()} describes it.
   *
   * <p>Papers define a weight for the error of one kind of prediction. Errors of the same estimate
   * are related by {@code |epsilon error|^2 = snr |x_0 error|^2} and {@code |v error|^2 = (snr + 1)
   * |x_0 error|^2}, so that a weight of the x_0 error becomes one of the epsilon error by division
   * by snr, and one of the v error by division by snr + 1. All but {@link #simple()} thereby give a
   * model the same loss whatever it predicts.
   */
  @FunctionalInterface
  interface Weighting {

    /**
     * The weight of the squared error of a model's own output.
     *
     * @param prediction what the output stands for
     * @param snr signal-to-noise ratio, at least 0, which is 0 where nothing of the signal is left
     * @return finite and at least 0; infinity where there is no such weight, which training refuses
     */
    double of(Prediction prediction, double snr);

    /** 1 for every prediction: DDPM (Ho et al. 2020), equation 14. */
    static Weighting simple() {
      return new Weightings.Simple();
    }

    /**
     * {@code min(snr, gamma)} for the x_0 error: Hang et al. 2023, section 3.
     *
     * @param gamma positive; 5 in the paper
     * @throws IllegalArgumentException if gamma is not positive or not finite
     */
    static Weighting minSnr(double gamma) {
      return new Weightings.MinSnr(gamma);
    }

    /**
     * {@code max(snr, 1)} for the x_0 error: Salimans and Ho 2022, section 4. Where the snr is 0 a
     * model of {@link Prediction#EPSILON} has no such weight.
     */
    static Weighting truncatedSnr() {
      return new Weightings.TruncatedSnr();
    }

    /**
     * {@code 1 / (k + snr)^gamma} for the epsilon error: P2, Choi et al. 2022, section 3.
     *
     * @param k positive; 1 in the paper
     * @param gamma at least 0; 0.5 or 1 in the paper
     * @throws IllegalArgumentException if k or gamma is out of range
     */
    static Weighting p2(double k, double gamma) {
      return new Weightings.P2(k, gamma);
    }
  }
}
