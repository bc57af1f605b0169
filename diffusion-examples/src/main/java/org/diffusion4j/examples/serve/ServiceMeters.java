package org.diffusion4j.examples.serve;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;

/** What the service counts, beside what the library counts of each model. */
final class ServiceMeters implements AutoCloseable {

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final DistributionSummary batches =
      DistributionSummary.builder("diffusion.service.batch")
          .description("pictures that were drawn together")
          .register(registry);

  ServiceMeters() {
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
  }

  PrometheusMeterRegistry registry() {
    return registry;
  }

  void waiting(JobQueue queue) {
    Gauge.builder("diffusion.service.waiting", queue, JobQueue::size)
        .description("requests that wait for their turn")
        .register(registry);
  }

  void batch(int pictures) {
    batches.record(pictures);
  }

  /**
   * A request for pictures that has ended.
   *
   * @param outcome {@code done}, {@code cancelled}, or the status of a refusal
   */
  void ended(String outcome, Duration took) {
    Timer.builder("diffusion.service.requests")
        .description("requests for pictures, by their outcome")
        .tag("outcome", outcome)
        .register(registry)
        .record(took);
  }

  /** All values as Prometheus reads them. */
  String scrape() {
    return registry.scrape();
  }

  @Override
  public void close() {
    registry.close();
  }
}
