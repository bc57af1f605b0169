package org.diffusion4j.micrometer;

import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Time, number in progress and failures of calls of one kind. */
final class Calls {

  private final SamplingMeters meters;
  private final String prefix;
  private final Tags tags;
  private final Timer time;
  private final AtomicInteger running = new AtomicInteger();

  /**
   * @param prefix of the meters' names
   * @param name of the timer, and the unit of the gauge
   */
  Calls(SamplingMeters meters, String prefix, String name, Tags tags) {
    this.meters = meters;
    this.prefix = prefix;
    this.tags = tags;
    time = meters.added(Timer.builder(prefix + "." + name).tags(tags).register(meters.registry()));
    meters.gauge(prefix + ".running", tags, name, running::get);
  }

  /** A call in progress, until it is closed. */
  final class Call implements AutoCloseable {

    private final long start = System.nanoTime();

    private Call() {
      running.incrementAndGet();
    }

    void completed() {
      time.record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
    }

    void failed(Throwable e) {
      meters
          .counter(prefix + ".failures", tags.and("exception", e.getClass().getSimpleName()))
          .increment();
    }

    @Override
    public void close() {
      running.decrementAndGet();
    }
  }

  Call begin() {
    return new Call();
  }
}
