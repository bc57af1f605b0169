package org.diffusion4j.spring;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Ends sampling before the application ends: no new runs, then some time for those in progress,
 * then their cancellation. Web servers stop to accept requests in the same phase.
 */
final class ModelLifecycle implements SmartLifecycle {

  private static final Logger LOG = LoggerFactory.getLogger(ModelLifecycle.class);

  /** How long cancelled runs may take to notice it: one denoiser call. */
  private static final Duration GRACE = Duration.ofSeconds(10);

  private final Supplier<List<DiffusionModel>> models;
  private final Duration timeout;
  private volatile boolean running;

  ModelLifecycle(Supplier<List<DiffusionModel>> models, Duration timeout) {
    this.models = models;
    this.timeout = timeout;
  }

  @Override
  public void start() {
    models.get().forEach(model -> model.gate().open());
    running = true;
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public int getPhase() {
    return DEFAULT_PHASE - 1024;
  }

  @Override
  public void stop(Runnable callback) {
    Thread thread =
        new Thread(
            () -> {
              try {
                stop();
              } finally {
                callback.run();
              }
            },
            "diffusion-shutdown");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void stop() {
    List<DiffusionModel> all = models.get();
    all.forEach(model -> model.gate().close());
    try {
      if (!awaitEmpty(all, timeout)) {
        for (DiffusionModel model : all) {
          if (model.running() > 0) {
            LOG.warn("model {}: {} runs are cancelled", model.name(), model.running());
          }
          model.gate().cancel();
        }
        if (!awaitEmpty(all, GRACE)) {
          LOG.warn("sampling runs still run {} s after they were cancelled", GRACE.toSeconds());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      all.forEach(model -> model.gate().cancel());
    }
    running = false;
  }

  private static boolean awaitEmpty(List<DiffusionModel> models, Duration time)
      throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(time.toMillis());
    for (DiffusionModel model : models) {
      if (!model.gate().awaitEmpty(end - System.nanoTime())) {
        return false;
      }
    }
    return true;
  }
}
