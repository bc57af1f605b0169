package org.diffusion4j.examples.serve;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Sampler;
import org.diffusion4j.micrometer.SamplingMeters;
import org.diffusion4j.text.ImageRequest;
import org.diffusion4j.text.TextToImage;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model of texts. */
final class TextModel extends PictureModel {

  /** Decoding latents takes long: this many previews are shown of a run at most. */
  private static final int PREVIEWS_OF_LATENTS = 4;

  private static final int COLOURS = 3;

  private final TextToImage model;
  private final SamplerMaker samplers;
  private final Traits traits;
  private final boolean latent;
  private @Nullable SamplingMeters meters;

  TextModel(String name, TextToImage model, SamplerMaker samplers) {
    this.model = model;
    this.samplers = samplers;
    latent = model.autoencoder().isPresent();
    long[] shape = model.network().sampleShape();
    int factor = model.autoencoder().map(coder -> coder.factor()).orElse(1);
    traits =
        new Traits(
            name,
            Kind.TEXT,
            List.of(),
            latent ? COLOURS : (int) shape[0],
            (int) shape[1] * factor,
            (int) shape[2] * factor,
            true,
            model.scheduler().schedule().steps());
  }

  @Override
  Traits traits() {
    return traits;
  }

  @Override
  void measure(MeterRegistry registry) {
    SamplingMeters all = SamplingMeters.of(registry, traits.name());
    all.memory(model.network()::weightBytes, model.network()::planBytes);
    meters = all;
  }

  @Override
  INDArray draw(Order.Method method, List<Sample> samples, Watcher watcher, CancelToken token) {
    int n = samples.size();
    int every = latent ? (method.steps() + PREVIEWS_OF_LATENTS - 1) / PREVIEWS_OF_LATENTS : 1;
    ImageRequest.Builder request =
        ImageRequest.builder(samples.stream().map(s -> s.subject().text()).toList())
            .batchSize(n)
            .noise(Noise.of(samples))
            .guidanceScale(method.guidance())
            .sampler(sampler(method))
            .listener(
                (step, previews) ->
                    watcher.onStep(
                        step.index(),
                        step.steps(),
                        step.index() % every == 0 ? previews : List::of))
            .cancelToken(token);
    if (method.task() == Order.Task.REPAINT) {
      try (INDArray pictures = Known.pictures(samples, traits);
          INDArray kept = Known.masks(samples, traits);
          INDArray masks = kept.rsub(1)) {
        request.images(pictures).masks(masks);
      }
    }
    return model.values(request.build());
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
