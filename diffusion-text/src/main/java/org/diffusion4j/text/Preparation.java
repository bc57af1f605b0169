package org.diffusion4j.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How a batch of pictures is begun: what the sampler starts from, what the network gets beside the
 * samples and the texts, and what is changed between the steps. Noise is drawn in the order of
 * diffusers' pipelines.
 */
final class Preparation implements AutoCloseable {

  private final Latents latents;
  private final NoiseSource.Batch noise;
  private final long[] shape;
  private final Owned owned = new Owned();
  private final List<Condition> conditions = new ArrayList<>();
  private @Nullable INDArray clean;
  private @Nullable INDArray firstNoise;
  private OptionalDouble strength = OptionalDouble.empty();
  private SamplingRequest.Hook hook = SamplingRequest.Hook.NONE;

  /**
   * @param noise of the batch
   * @param shape of the batch's samples
   */
  Preparation(Latents latents, NoiseSource.Batch noise, long[] shape) {
    this.latents = latents;
    this.noise = noise;
    this.shape = shape.clone();
  }

  /** Starts from pictures with noise: SDEdit (Meng et al. 2022). */
  void startFrom(INDArray images, double part) {
    clean = owned.add(latents.encode(images, noise));
    strength = OptionalDouble.of(part);
  }

  /**
   * Repaints a part of pictures.
   *
   * @param masks of the pictures' size; values of at least 0.5 are repainted
   * @param part at 1 the samples start from noise alone
   * @param byNetwork whether the network gets mask and picture; otherwise the known part is put in
   *     again after each step
   */
  void repaint(INDArray images, INDArray masks, double part, boolean byNetwork) {
    INDArray unknown = owned.add(Masks.binary(masks));
    INDArray small = owned.add(Masks.everyNth(unknown, latents.factor()));
    INDArray known = part < 1 || !byNetwork ? owned.add(latents.encode(images, noise)) : null;
    INDArray drawn = owned.add(noise.next(shape.clone()));
    firstNoise = drawn;
    if (byNetwork) {
      INDArray masked = owned.add(Masks.without(images, unknown));
      INDArray rest = owned.add(latents.encode(masked, noise));
      conditions.add(Condition.pictures(owned.add(Masks.concat(small, rest))));
    } else {
      latents.skip(images, noise);
      INDArray kept = Objects.requireNonNull(known);
      hook = step -> Masks.replace(step.x(), small, known(kept, drawn, step));
    }
    if (part < 1) {
      clean = known;
      strength = OptionalDouble.of(part);
    }
  }

  /** The known samples with the noise of a step's end; clean after the last. */
  private static INDArray known(INDArray kept, INDArray drawn, SamplingRequest.Hook.Step step) {
    Level level = step.last() ? Level.CLEAN : step.level();
    INDArray from = Masks.rows(kept, step.first(), step.x().size(0));
    INDArray with = Masks.rows(drawn, step.first(), step.x().size(0));
    return Elements.combine(level.signal(), from, level.noise(), with);
  }

  /**
   * Gives the network the modes of pictures, which it edits, and zeros without guidance by them.
   */
  void edit(INDArray images) {
    conditions.add(Condition.pictures(owned.add(latents.mode(images))).withZerosUnconditional());
  }

  /** Gives the network pictures of the samples' size, which it enlarges. */
  void enlarge(INDArray images) {
    conditions.add(Condition.pictures(images));
  }

  /**
   * Gives the network noisy pictures of the samples' size, which it enlarges.
   *
   * @param level of their noise
   */
  void enlargeNoisy(INDArray images, Level level) {
    INDArray drawn = owned.add(noise.next(images.shape()));
    conditions.add(
        Condition.pictures(
            owned.add(Elements.combine(level.signal(), images, level.noise(), drawn))));
  }

  /** What the network gets beside samples and texts. */
  List<Condition> conditions() {
    return conditions;
  }

  /** Lets a sampler start. */
  void applyTo(SamplingRequest.Builder request) {
    if (clean != null) {
      request.start(clean, strength.orElseThrow());
    }
    request.noise(remaining()).afterStep(hook);
  }

  /** The noise of the batch that is not drawn yet, preceded by that which is kept. */
  private NoiseSource remaining() {
    INDArray ahead = firstNoise;
    if (ahead == null) {
      return () -> (first, n) -> noise;
    }
    boolean[] given = {false};
    NoiseSource.Batch batch =
        size -> {
          INDArray next = given[0] ? noise.next(size) : ahead.dup('c');
          given[0] = true;
          return next;
        };
    return () -> (first, n) -> batch;
  }

  @Override
  public void close() {
    owned.close();
  }
}
