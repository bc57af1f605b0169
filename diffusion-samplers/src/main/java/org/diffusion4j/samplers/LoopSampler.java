package org.diffusion4j.samplers;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A sampler that uses the shared loop: its steps and its formula. Immutable: every {@code with...}
 * returns a copy.
 *
 * @param <S> the sampler itself
 * @param <O> its options
 */
abstract class LoopSampler<S extends LoopSampler<S, O>, O extends LoopSampler.Options>
    implements Sampler {

  /** The options of a sampler. Changed only in a copy before it is given to a sampler. */
  static class Options implements Cloneable {

    Timesteps timesteps;
    X0Correction correction = X0Correction.none();

    /** The denoiser that the steps were fitted to, or null for any. */
    @Nullable FittedTo fittedTo;

    Options(Timesteps timesteps) {
      this.timesteps = Objects.requireNonNull(timesteps, "timesteps");
    }

    Options copy() {
      try {
        return (Options) clone();
      } catch (CloneNotSupportedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private static final Logger LOG = LoggerFactory.getLogger(LoopSampler.class);

  /** At this level the error of x_0 is 33 times that of the predicted noise; decision 10. */
  private static final double LAMBDA_OF_NOISE = -3.5;

  /** The limit of {@link #growth}; with all steps of a cosine schedule the largest is 31.6. */
  private static final double LARGEST_GROWTH = 33;

  final O options;
  private final Function<O, S> make;
  private final AtomicBoolean warned = new AtomicBoolean();

  /**
   * @param make the constructor
   */
  LoopSampler(O options, Function<O, S> make) {
    this.options = options;
    this.make = make;
  }

  /** A copy with changed options. */
  final S with(Consumer<O> change) {
    @SuppressWarnings("unchecked") // a clone is of the same class
    O changed = (O) options.copy();
    change.accept(changed);
    return make.apply(changed);
  }

  /** A copy with other steps. */
  final S with(Timesteps timesteps) {
    return with(o -> o.timesteps = timesteps);
  }

  /** A copy with steps that were fitted to a denoiser; it refuses others. */
  final S with(Timesteps timesteps, FittedTo denoiser) {
    return with(
        o -> {
          o.timesteps = timesteps;
          o.fittedTo = denoiser;
        });
  }

  /** A copy with a correction of the predicted clean samples, such as clipping. */
  public S withCorrection(X0Correction correction) {
    Objects.requireNonNull(correction, "correction");
    return with(o -> o.correction = correction);
  }

  /**
   * This sampler adapted to a denoiser. If the denoiser predicts noise, noise levels at which x_0
   * does not follow from it are skipped. If the caller chose the steps, they are kept and a warning
   * is logged once.
   */
  final LoopSampler<S, O> fitted(Denoiser model) {
    if (options.fittedTo != null) {
      options.fittedTo.require(model);
    }
    NoiseSchedule schedule = model.schedule();
    if (!new SigmaCurve(schedule).canBeLimited()) {
      return this;
    }
    boolean predictsNoise =
        model.prediction() == Prediction.EPSILON || model.prediction() == Prediction.SCORE;
    if (!(predictsNoise || extrapolatesNoise()) || growth(schedule) <= LARGEST_GROWTH) {
      return this;
    }
    if (options.timesteps.canBeLimited(schedule, LAMBDA_OF_NOISE)) {
      return with(o -> o.timesteps = o.timesteps.withLambdaMin(LAMBDA_OF_NOISE));
    }
    boolean clips = options.correction != NoCorrection.NONE;
    boolean chosen = options.fittedTo == null;
    boolean doubtful = chosen && predictsNoise && !clips && !startsFromSamples();
    if (doubtful && !warned.getAndSet(true)) {
      LOG.warn(warning(schedule));
    }
    return this;
  }

  final String warning(NoiseSchedule schedule) {
    return String.format(
        Locale.ROOT,
        "%s: a step from lambda below %.1f multiplies the error of predicted noise by %.0f: use"
            + " Timesteps.withLambdaMin(%2$.1f), clipping, or a model that predicts velocities",
        getClass().getSimpleName(),
        LAMBDA_OF_NOISE,
        growth(schedule));
  }

  /**
   * The largest factor by which a step that starts or ends below the limit of lambda changes the
   * signal. The error of x_0 from predicted noise is multiplied by it.
   */
  private double growth(NoiseSchedule schedule) {
    double most = 0;
    for (Transition step : transitions(schedule)) {
      boolean up = step.from().lambda() < step.to().lambda();
      Level low = up ? step.from() : step.to();
      Level high = up ? step.to() : step.from();
      if (low.lambda() < LAMBDA_OF_NOISE) {
        most = Math.max(most, high.signal() / low.signal());
      }
    }
    return most;
  }

  /** The transitions for a schedule. */
  abstract List<Transition> transitions(NoiseSchedule schedule);

  /** The number of transitions of a step, the last aside, which has one. */
  int stages() {
    return 1;
  }

  /**
   * The transitions of the last steps.
   *
   * @param strength the part of the steps that remains, in (0, 1]
   * @throws IllegalArgumentException if no step remains
   */
  List<Transition> last(NoiseSchedule schedule, double strength) {
    List<Transition> all = transitions(schedule);
    int steps = (all.size() + stages() - 1) / stages();
    return all.subList(stages() * (steps - remaining(steps, strength)), all.size());
  }

  /** The number of steps that remain, at least 1. */
  static int remaining(int steps, double strength) {
    int remaining = (int) (steps * strength);
    if (remaining < 1) {
      throw new IllegalArgumentException(
          "strength must leave at least 1 of " + steps + " steps but was " + strength);
    }
    return remaining;
  }

  /**
   * Starts a run for a batch.
   *
   * @param steps the {@link #transitions}; the run takes them in order, possibly starting at a
   *     later one
   * @param schedule the schedule of the denoiser
   */
  abstract Run start(List<Transition> steps, NoiseSchedule schedule);

  /** Whether a run starts from given samples instead of noise. */
  boolean startsFromSamples() {
    return false;
  }

  /**
   * Whether noise found at one level is used over a whole step, however long, so that its error
   * grows with the step whatever the denoiser predicts.
   */
  boolean extrapolatesNoise() {
    return false;
  }

  /**
   * Checks that the method can use a denoiser.
   *
   * @throws IllegalArgumentException if it cannot
   */
  void requireFits(Denoiser model) {}

  @Override
  public final SamplingResult sample(Denoiser model, SamplingRequest request) {
    return SamplingLoop.run(this, model, request);
  }

  /** The options except the timesteps, each after a comma. */
  String described() {
    return "";
  }

  @Override
  public final String toString() {
    return getClass().getSimpleName() + "[" + options.timesteps + described() + "]";
  }
}
