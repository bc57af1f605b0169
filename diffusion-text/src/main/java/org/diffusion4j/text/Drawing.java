package org.diffusion4j.text;

import java.awt.image.BufferedImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.text.DrawingPlan.Task;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Draws the pictures of a request, batch by batch. */
final class Drawing {

  /** Receives pictures in their order. */
  @FunctionalInterface
  interface Sink {

    /**
     * Receives the next picture.
     *
     * @param picture {@code [1, channels, height, width]}, about in [-1, 1]; freed after the call
     */
    void add(INDArray picture);
  }

  private final Parts parts;
  private final ImageRequest request;
  private final ImageSettings settings;
  private final DrawingPlan plan;
  private final SizedNetworks networks;
  private final long begin = System.nanoTime();
  private int finished;

  Drawing(Parts parts, SizedNetworks networks, ImageRequest request) {
    this.parts = parts;
    this.networks = networks;
    this.request = request;
    settings = request.settings();
    plan = DrawingPlan.of(parts, settings);
    networks.require(plan.height(), plan.width());
  }

  /** The shape of all pictures. */
  long[] shape() {
    return new long[] {
      request.count(),
      plan.latents().imageChannels(parts.channels()),
      (long) plan.height() * plan.latents().factor(),
      (long) plan.width() * plan.latents().factor()
    };
  }

  void run(Sink sink) {
    NoiseSource.Run noise = request.noise().start();
    TextEncoder encoder = parts.encoder();
    int tokens = encoder == null ? 0 : encoder.tokens();
    try (SizedNetworks.Lease lease = networks.lease(plan.height(), plan.width(), tokens);
        Texts texts =
            encoder == null ? null : new Texts(encoder, settings, parts.zerosForEmpty())) {
      while (finished < request.count()) {
        requireGoingOn();
        int n = Math.min(settings.batchSize, request.count() - finished);
        try (SamplingResult result = samples(lease.network(), texts, n, noise.batch(finished, n))) {
          if (parts.autoencoder() != null) {
            lease.network().releaseWorkspaces(); // They and the decoder's take turns.
          }
          for (int i = 0; i < n; i++) {
            requireGoingOn();
            try (INDArray row = Masks.rows(result.samples(), i, 1).dup('c');
                INDArray picture = plan.latents().decode(row)) {
              sink.add(picture);
            }
            finished++;
          }
        }
      }
    }
  }

  private void requireGoingOn() {
    boolean cancelled = settings.cancelToken.isCancelled();
    if (cancelled || Thread.currentThread().isInterrupted()) {
      throw new SamplingCancelledException(
          "drawing was "
              + (cancelled ? "cancelled" : "interrupted")
              + " after "
              + finished
              + " of "
              + request.count()
              + " pictures",
          finished,
          null,
          null);
    }
  }

  private SamplingResult samples(
      Denoiser network, @Nullable Texts texts, int n, NoiseSource.Batch noise) {
    long[] shape = {n, parts.channels(), plan.height(), plan.width()};
    try (Owned owned = new Owned();
        Preparation preparation = new Preparation(plan.latents(), noise, shape)) {
      prepare(preparation, n, owned);
      SamplingRequest.Builder sampling =
          SamplingRequest.builder(n)
              .batchSize(n)
              .condition(condition(preparation, texts, n, owned))
              .listener(this::onStep)
              .cancelToken(settings.cancelToken);
      preparation.applyTo(sampling);
      return plan.sampler().sample(guided(network), sampling.build());
    }
  }

  private void prepare(Preparation preparation, int n, Owned owned) {
    Pixels images = settings.images;
    if (images == null) {
      return;
    }
    INDArray batch = owned.add(images.rows(finished, n, request.count()));
    Pixels masks = settings.masks;
    switch (plan.task()) {
      case FROM_IMAGE -> preparation.startFrom(batch, plan.strength());
      case EDIT -> preparation.edit(batch);
      case ENLARGE -> preparation.enlarge(batch);
      case ENLARGE_NOISY -> preparation.enlargeNoisy(batch, noiseLevel());
      default -> {
        if (masks != null) {
          INDArray unknown = owned.add(masks.rows(finished, n, request.count()));
          boolean byNetwork = plan.task() == Task.REPAINT_BY_NETWORK;
          preparation.repaint(batch, unknown, plan.strength(), byNetwork);
        }
      }
    }
  }

  private Level noiseLevel() {
    var scheduler = parts.lowResScheduler();
    var schedule = scheduler == null ? parts.network().schedule() : scheduler.schedule();
    return Level.of(schedule.alphaBar(plan.noiseLevel()));
  }

  private Condition condition(Preparation preparation, @Nullable Texts texts, int n, Owned owned) {
    List<Condition> all = new ArrayList<>(preparation.conditions());
    if (texts != null) {
      all.add(texts.of(finished, n, plan.isGuided(), owned));
    }
    if (plan.task() == Task.ENLARGE_NOISY) {
      all.add(Condition.label(plan.noiseLevel(), n));
    }
    long[] pictures = shape();
    all.add(FurtherInputs.of(parts, settings, n, (int) pictures[2], (int) pictures[3], owned));
    return Condition.several(all);
  }

  private Denoiser guided(Denoiser denoiser) {
    if (!plan.isGuided()) {
      return denoiser;
    }
    if (plan.task() == Task.EDIT) {
      return new ImageGuidance(denoiser, plan.guidance(), plan.imageGuidance());
    }
    ClassifierFreeGuidance.Builder guidance =
        ClassifierFreeGuidance.builder(denoiser, plan.guidance()).rescale(settings.guidanceRescale);
    if (plan.task() == Task.ENLARGE_NOISY) {
      guidance.negative(Condition.label(plan.noiseLevel(), 1));
    }
    return guidance.build();
  }

  private void onStep(SamplingListener.Step step) {
    SamplingListener.Step ofAll =
        new SamplingListener.Step(
            finished,
            request.count(),
            step.index(),
            step.steps(),
            step.t(),
            step.x(),
            step.x0(),
            Duration.ofNanos(System.nanoTime() - begin));
    settings.listener.onStep(ofAll, () -> previews(step.x0()));
  }

  private List<BufferedImage> previews(INDArray x0) {
    List<BufferedImage> previews = new ArrayList<>();
    for (int i = 0; i < x0.size(0); i++) {
      try (INDArray row = Masks.rows(x0, i, 1).dup('c');
          INDArray picture = plan.latents().decode(row)) {
        previews.add(image(picture));
      }
    }
    return previews;
  }

  /** A picture {@code [1, channels, height, width]}. */
  static BufferedImage image(INDArray picture) {
    return ImageFiles.image(picture.slice(0));
  }
}
