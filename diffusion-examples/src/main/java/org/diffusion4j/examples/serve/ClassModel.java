package org.diffusion4j.examples.serve;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.micrometer.SamplingMeters;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model of classes, or of one kind of pictures. */
final class ClassModel extends PictureModel {

  private final PretrainedModel model;
  private final SamplerMaker samplers;
  private final Traits traits;
  private @Nullable SamplingMeters meters;

  ClassModel(String name, PretrainedModel model, List<String> classes, SamplerMaker samplers) {
    SameDiffDenoiser network = model.model();
    long[] shape = network.sampleShape();
    if (shape.length != 3 || (shape[0] != 1 && shape[0] != 3)) {
      throw new IllegalArgumentException(
          "model must be of pictures with 1 or 3 channels but "
              + name
              + " is of "
              + Arrays.toString(shape));
    }
    int number = network.classes();
    if (!classes.isEmpty() && classes.size() != number) {
      throw new IllegalArgumentException(
          "names of classes must be " + number + " but were " + classes.size());
    }
    this.model = model;
    this.samplers = samplers;
    traits =
        new Traits(
            name,
            number > 0 ? Kind.CLASSES : Kind.PLAIN,
            classes.isEmpty()
                ? IntStream.range(0, number).mapToObj(Integer::toString).toList()
                : List.copyOf(classes),
            (int) shape[0],
            (int) shape[1],
            (int) shape[2],
            network.hasNullClass(),
            network.schedule().steps());
  }

  @Override
  Traits traits() {
    return traits;
  }

  @Override
  void measure(MeterRegistry registry) {
    SamplingMeters all = SamplingMeters.of(registry, traits.name());
    all.memory(model.model()::weightBytes, model.model()::planBytes);
    meters = all;
  }

  @Override
  INDArray draw(Order.Method method, List<Sample> samples, Watcher watcher, CancelToken token) {
    int n = samples.size();
    SamplingRequest.Builder request =
        SamplingRequest.builder(n)
            .batchSize(n)
            .noise(Noise.of(samples))
            .condition(condition(samples.stream().map(Sample::subject)))
            .listener(
                step ->
                    watcher.onStep(
                        step.index(), step.steps(), () -> Painter.images(step.x0(), 0, n)))
            .cancelToken(token);
    Denoiser denoiser = denoiser(method.guidance());
    return switch (method.task()) {
      case DRAW -> sampler(method).sample(denoiser, request.build()).samples();
      case BLEND -> sampler(method).sample(between(denoiser, samples), request.build()).samples();
      case REPAINT -> {
        try (INDArray pictures = Known.pictures(samples, traits);
            INDArray masks = Known.masks(samples, traits)) {
          request.known(pictures, masks);
          yield sampler(method).sample(denoiser, request.build()).samples();
        }
      }
    };
  }

  private Denoiser between(Denoiser denoiser, List<Sample> samples) {
    float[] parts = new float[samples.size()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = (float) samples.get(i).noise().part();
    }
    Condition to =
        condition(samples.stream().map(sample -> Objects.requireNonNull(sample.toward())));
    return new BetweenConditions(denoiser, to, parts);
  }

  private Condition condition(Stream<Sample.Subject> subjects) {
    return traits.kind() == Kind.PLAIN
        ? Condition.none()
        : Condition.labels(subjects.mapToInt(Sample.Subject::label).toArray());
  }

  private Denoiser denoiser(double guidance) {
    SamplingMeters all = meters;
    Denoiser plain = all == null ? model.model() : all.denoiser(model.model());
    return guidance == 1 ? plain : ClassifierFreeGuidance.of(plain, guidance);
  }

  private Sampler sampler(Order.Method method) {
    SamplingMeters all = meters;
    Sampler plain = sampler(method, model.scheduler(), samplers);
    return all == null ? plain : all.sampler(method.sampler(), plain);
  }

  @Override
  public void close() {
    model.close();
  }
}
