package org.diffusion4j.examples.serve;

import io.micrometer.core.instrument.MeterRegistry;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.text.TextToImage;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model of pictures that the service draws with. It is closed with the service. */
public abstract class PictureModel implements AutoCloseable {

  /** RePaint takes stretches of so many steps, each so often. */
  private static final int JUMP = 5;

  private static final int VISITS = 4;

  /** Creates a sampler by its name. */
  @FunctionalInterface
  public interface SamplerMaker {

    /**
     * A sampler for a model.
     *
     * @param name one of {@link org.diffusion4j.samplers.Samplers#names}
     * @param config the model's settings
     * @param steps in [1, T]
     */
    Sampler sampler(String name, SchedulerConfig config, int steps);
  }

  /** Observes a batch. */
  @FunctionalInterface
  interface Watcher {

    /**
     * Called after each step, on the drawing thread.
     *
     * @param index number of the step, from 0
     * @param steps number of steps in all
     * @param previews makes what the step expects each picture to become; only during the call
     */
    void onStep(int index, int steps, Supplier<List<BufferedImage>> previews);
  }

  /** What a model shows. */
  enum Kind {
    CLASSES,
    TEXT,
    PLAIN
  }

  /**
   * What a client must know of a model.
   *
   * @param name one of the service's, such as {@code fashion}
   * @param classes their names; none if the kind is another
   * @param guided whether it takes a guidance scale
   * @param mostSteps the number of the schedule's timesteps
   */
  record Traits(
      String name,
      Kind kind,
      List<String> classes,
      int channels,
      int height,
      int width,
      boolean guided,
      int mostSteps) {}

  PictureModel() {}

  /**
   * A model of classes, or of one kind of pictures.
   *
   * @param name what clients call it
   * @param model of samples {@code [1|3, height, width]}; belongs to the result
   * @param classes names of its classes, in their order; may be empty, then they are numbers
   * @param samplers makes its samplers
   * @throws IllegalArgumentException if its samples are no pictures, or the names are too few
   */
  public static PictureModel ofClasses(
      String name, PretrainedModel model, List<String> classes, SamplerMaker samplers) {
    return new ClassModel(name, model, classes, samplers);
  }

  /**
   * A model of texts.
   *
   * @param name what clients call it
   * @param model belongs to the result
   * @param samplers makes its samplers
   */
  public static PictureModel ofTexts(String name, TextToImage model, SamplerMaker samplers) {
    return new TextModel(name, model, samplers);
  }

  abstract Traits traits();

  /**
   * The sampler of a method: the one that was asked for, or RePaint (Lugmayr et al. 2022).
   *
   * @param config the model's settings
   * @param samplers makes those with a name
   */
  static Sampler sampler(Order.Method method, SchedulerConfig config, SamplerMaker samplers) {
    return method.task() == Order.Task.REPAINT
        ? Samplers.ddim(config, method.steps(), 1)
            .withEpsilonFromCorrected()
            .withJumps(JUMP, VISITS)
        : samplers.sampler(method.sampler(), config, method.steps());
  }

  /** Publishes what the model does and holds. */
  void measure(MeterRegistry registry) {}

  /**
   * Draws a batch. Each picture depends only on its sample and the method.
   *
   * @return FLOAT {@code [samples, channels, height, width]} in [-1, 1], owned by the caller
   */
  abstract INDArray draw(
      Order.Method method, List<Sample> samples, Watcher watcher, CancelToken token);

  /** Frees the model. */
  @Override
  public abstract void close();
}
