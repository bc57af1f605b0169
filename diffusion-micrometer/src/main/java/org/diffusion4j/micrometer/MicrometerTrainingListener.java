package org.diffusion4j.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.diffusion4j.TrainingListener;
import org.jspecify.annotations.Nullable;

/**
 * Publishes a training as metrics whose names begin with {@code diffusion.training}.
 *
 * <table>
 *   <caption>Metrics</caption>
 *   <tr><th>name</th><th>kind</th><th>meaning</th></tr>
 *   <tr><td>{@code step}</td><td>timer</td><td>a step, including the time since the previous one</td></tr>
 *   <tr><td>{@code samples}, {@code checkpoints}</td><td>counters</td><td></td></tr>
 *   <tr><td>{@code steps}, {@code epoch}</td><td>gauges</td><td>steps done since training began; epoch of the last step</td></tr>
 *   <tr><td>{@code loss}, {@code loss.smoothed}, {@code gradient.norm}, {@code learning.rate},
 *   {@code samples.per.second}</td><td>gauges</td><td>the last step</td></tr>
 *   <tr><td>{@code loss.quartile}</td><td>gauges</td><td>the smoothed loss of each quarter of the schedule, with the tag {@code quartile} from 1 to 4</td></tr>
 *   <tr><td>{@code loss.epoch}, {@code loss.validation}</td><td>gauges</td><td>the last epoch and
 *   the last validation</td></tr>
 * </table>
 *
 * <p>Gauges are NaN if there is no value yet. A registry has one meter per name and tags:
 * simultaneous trainings need different tags, and consecutive trainings need a {@link #close()} in
 * between, which removes the meters.
 */
public final class MicrometerTrainingListener implements TrainingListener, AutoCloseable {

  private static final String PREFIX = "diffusion.training.";
  private static final int QUARTILES = 4;

  private final MeterRegistry registry;
  private final Tags tags;
  private final List<Meter> meters = new ArrayList<>();
  private final Timer time;
  private final Counter samples;
  private final Counter checkpoints;

  private volatile TrainingListener.@Nullable Step last;
  private volatile double epochLoss = Double.NaN;
  private volatile double validationLoss = Double.NaN;

  private MicrometerTrainingListener(MeterRegistry registry, Iterable<Tag> tags) {
    this.registry = registry;
    this.tags = Tags.of(tags);
    time = added(Timer.builder(PREFIX + "step").tags(tags).register(registry));
    samples = counter("samples");
    checkpoints = counter("checkpoints");
    ofStep("steps", this.tags, step -> step.index() + 1.0);
    ofStep("epoch", this.tags, TrainingListener.Step::epoch);
    ofStep("loss", this.tags, TrainingListener.Step::loss);
    ofStep("loss.smoothed", this.tags, TrainingListener.Step::smoothedLoss);
    ofStep("gradient.norm", this.tags, TrainingListener.Step::gradientNorm);
    ofStep("learning.rate", this.tags, TrainingListener.Step::learningRate);
    ofStep("samples.per.second", this.tags, TrainingListener.Step::samplesPerSecond);
    for (int i = 0; i < QUARTILES; i++) {
      int quartile = i;
      ofStep(
          "loss.quartile",
          this.tags.and("quartile", Integer.toString(i + 1)),
          step ->
              quartile < step.lossByQuartile().size()
                  ? step.lossByQuartile().get(quartile)
                  : Double.NaN);
    }
    gauge("loss.epoch", this.tags, listener -> listener.epochLoss);
    gauge("loss.validation", this.tags, listener -> listener.validationLoss);
  }

  /**
   * A listener that publishes to a registry.
   *
   * @param registry the registry
   * @param tags tags of all metrics, for example the model's name
   */
  public static MicrometerTrainingListener of(MeterRegistry registry, Iterable<Tag> tags) {
    return new MicrometerTrainingListener(registry, tags);
  }

  private Counter counter(String name) {
    return added(Counter.builder(PREFIX + name).tags(tags).register(registry));
  }

  private void ofStep(String name, Tags all, ToDoubleFunction<TrainingListener.Step> value) {
    gauge(
        name,
        all,
        listener -> {
          TrainingListener.Step step = listener.last;
          return step == null ? Double.NaN : value.applyAsDouble(step);
        });
  }

  private void gauge(String name, Tags all, ToDoubleFunction<MicrometerTrainingListener> value) {
    meters.add(
        Gauge.builder(PREFIX + name, this, value)
            .tags(all)
            .strongReference(true)
            .register(registry));
  }

  private <T extends Meter> T added(T meter) {
    meters.add(meter);
    return meter;
  }

  @Override
  public void onStep(TrainingListener.Step step) {
    last = step;
    samples.increment(step.batchSize());
    double seconds = step.batchSize() / step.samplesPerSecond();
    if (Double.isFinite(seconds)) {
      time.record(Math.round(seconds * 1e9), TimeUnit.NANOSECONDS);
    }
  }

  @Override
  public void onEpoch(int epoch, double meanLoss) {
    epochLoss = meanLoss;
  }

  @Override
  public void onValidation(long step, double loss) {
    validationLoss = loss;
  }

  @Override
  public void onCheckpoint(long step, Path directory) {
    checkpoints.increment();
  }

  /** Removes the metrics from the registry. */
  @Override
  public void close() {
    meters.forEach(registry::remove);
  }
}
