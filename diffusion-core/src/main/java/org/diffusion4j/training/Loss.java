package org.diffusion4j.training;

import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.internal.common.Shown;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The loss that training minimises, as a function of the model's outputs for a batch. Immutable;
 * {@code toString()} describes it.
 */
@FunctionalInterface
public interface Loss {

  /**
   * The loss of a batch.
   *
   * @param batch the batch that the model gets; valid as long as the loss is used
   */
  SampleLoss of(NoisyBatch batch);

  /**
   * The loss of a batch whose samples have a condition. By default the condition does not matter.
   *
   * @param batch the batch that the model gets; valid as long as the loss is used
   * @param condition what the model gets with it
   */
  default SampleLoss of(NoisyBatch batch, Condition condition) {
    return of(batch);
  }

  /**
   * Checks before training that a model can be trained with this loss. By default every model can.
   *
   * @param model the model to train
   * @throws IllegalArgumentException if not
   */
  default void check(Denoiser model) {}

  /**
   * The mean squared error of the prediction: DDPM (Ho et al. 2020), equation 14. For models that
   * do not learn the variance.
   */
  static Loss meanSquaredError() {
    return meanSquaredError(Weighting.simple());
  }

  /**
   * The weighted mean squared error of the prediction. For models that do not learn the variance.
   *
   * @param weighting the weight of each timestep
   */
  static Loss meanSquaredError(Weighting weighting) {
    return new MeanSquaredErrorLoss(weighting);
  }

  /** {@link #hybrid(double)} with lambda 0.001, as in the paper. */
  static Loss hybrid() {
    return hybrid(0.001);
  }

  /**
   * {@code L_simple + lambda L_vlb} for models that learn the variance: Improved DDPM (Nichol and
   * Dhariwal 2021), equation 16. L_vlb trains only the variance, because its mean is treated as
   * constant.
   *
   * <p>L_vlb is the sum over all timesteps (equation 4) in nats per value of a sample. It is
   * estimated from the sample's timestep, whose term is multiplied by the number of timesteps. (The
   * authors' program uses bits, which corresponds to a lambda 1.44 times larger.) Samples must have
   * values in [-1, 1], as 8-bit images have.
   *
   * @param lambda positive
   * @throws IllegalArgumentException if lambda is not positive or not finite
   */
  static Loss hybrid(double lambda) {
    return new HybridLoss(lambda);
  }

  /**
   * The loss of consistency tuning: ECT (Geng et al. 2024). It makes a trained model predict, at
   * each noise level, the sample where the probability flow ends, so that one or two steps suffice:
   * the sampler {@code consistency} with one step or two. Train in stages, each with closer noise
   * levels: 0, which is like ordinary training, then 1/2, 3/4, 7/8 and so on. Costs one prediction
   * more in each step.
   *
   * @param model the model to train, which predicts samples or velocities
   * @param closeness of the two noise levels that are compared, in [0, 1); {@code 1 - 1 / q^a} in
   *     the paper
   * @throws IllegalArgumentException if the closeness is out of range
   */
  static Loss consistency(Denoiser model, double closeness) {
    return new ConsistencyLoss(model, new ConsistencyTuning(closeness));
  }

  /**
   * The loss of consistency distillation: Song et al. 2023, algorithm 2, with Heun's method, and
   * with the model itself in place of an average of its weights. Like {@link #consistency}, it
   * makes a model predict the sample where the probability flow ends, but the flow is that of a
   * teacher, usually the same model loaded a second time, and not estimated from the data. It needs
   * no stages; each training step costs two predictions of the teacher more. The samples can become
   * as good as those of the teacher's flow, not better.
   *
   * @param model the model to train, which predicts samples or velocities
   * @param teacher predicts samples or velocities too; of the same shape, schedule and classes,
   *     with weights of its own, which must not change. It is not closed
   * @param steps in which Heun's method follows the teacher's flow, at least 1, and of which there
   *     are no more than timesteps; 16 are enough for small images
   * @throws IllegalArgumentException if the steps are out of range or the teacher predicts noise, a
   *     variance or something random; when the trainer is built also if it does not fit the model
   */
  static Loss consistencyDistillation(Denoiser model, Denoiser teacher, int steps) {
    return new ConsistencyLoss(model, new ConsistencyDistillation(teacher, steps));
  }

  /**
   * A training batch.
   *
   * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}
   * @param noise the noise that the model should predict, of the same shape
   * @param xt noisy samples, of the same shape
   * @param t timestep of each sample, {@code [n]}, in [0, T-1]
   * @param schedule the noise schedule
   * @param prediction what the model predicts
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
        default -> combination();
      };
    }

    /** What the model is told about each sample: {@link NoiseSchedule#time}. */
    float[] times() {
      return times(schedule, t);
    }

    /** What a model is told about timesteps. */
    static float[] times(NoiseSchedule schedule, int[] t) {
      float[] times = Floats.of(t);
      for (int i = 0; schedule.isContinuous() && i < t.length; i++) {
        times[i] = (float) schedule.time(schedule.sigma(t[i]));
      }
      return times;
    }

    /** Contains only the shape of an array. */
    @Override
    public String toString() {
      return "NoisyBatch[x0=" + Shown.array(x0) + ", t=" + t.length + " timesteps]";
    }

    private float[] combination() {
      float[] target = Floats.of(noise);
      float[] clean = Floats.of(x0);
      int length = clean.length / t.length;
      for (int i = 0; i < t.length; i++) {
        Level level = schedule.level(t[i]);
        float ofEpsilon = (float) prediction.ofEpsilon(level);
        float ofX0 = (float) prediction.ofX0(level);
        for (int k = i * length; k < (i + 1) * length; k++) {
          target[k] = ofEpsilon * target[k] + ofX0 * clean[k];
        }
      }
      return target;
    }
  }

  /**
   * The weight of the squared error as a function of the signal-to-noise ratio. Immutable; {@code
   * toString()} describes it.
   *
   * <p>Papers define a weight for the error of one kind of prediction. Errors of the same estimate
   * are related by {@code |epsilon error|^2 = snr |x_0 error|^2} and {@code |v error|^2 = (snr + 1)
   * |x_0 error|^2}, so a weight of the x_0 error is divided by snr for the epsilon error and by snr
   * + 1 for the v error. Therefore all weightings except {@link #simple()} give the same loss for
   * every prediction.
   */
  @FunctionalInterface
  interface Weighting {

    /**
     * The weight of the squared error of a model's own output.
     *
     * @param prediction what the model predicts
     * @param snr signal-to-noise ratio, at least 0; 0 if there is no signal
     * @return finite and at least 0; infinity if the weight does not exist, which training refuses
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
     * {@code max(snr, 1)} for the x_0 error: Salimans and Ho 2022, section 4. For {@link
     * Prediction#EPSILON} there is no weight at snr 0.
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
