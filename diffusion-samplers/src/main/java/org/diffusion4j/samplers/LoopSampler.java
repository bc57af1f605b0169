package org.diffusion4j.samplers;

import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;

/**
 * A sampler on the shared loop: which steps it takes, and its formula. Immutable: every {@code
 * with...} gives a copy.
 *
 * @param <S> the sampler itself
 * @param <O> its options
 */
abstract class LoopSampler<S extends LoopSampler<S, O>, O extends LoopSampler.Options>
    implements Sampler {

  /** What a sampler can be told. Changed only in a copy that no sampler has yet. */
  static class Options implements Cloneable {

    Timesteps timesteps;
    X0Correction correction = X0Correction.none();

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

  final O options;
  private final Function<O, S> make;

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

  /** This sampler with a correction of the predicted clean samples, such as clipping. */
  public S withCorrection(X0Correction correction) {
    Objects.requireNonNull(correction, "correction");
    return with(o -> o.correction = correction);
  }

  /** The steps to take on a schedule. */
  abstract List<Transition> transitions(NoiseSchedule schedule);

  /**
   * The beginning of a walk of one batch.
   *
   * @param steps those of {@link #transitions}; the walk takes them in order, perhaps from a later
   *     one on
   * @param schedule of the denoiser
   */
  abstract Run start(List<Transition> steps, NoiseSchedule schedule);

  /** Whether a walk starts from given samples and not from noise. */
  boolean startsFromSamples() {
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

  /** The options beside the timesteps, each after a comma. */
  String described() {
    return "";
  }

  @Override
  public final String toString() {
    return getClass().getSimpleName() + "[" + options.timesteps + described() + "]";
  }
}
