package org.diffusion4j.spark;

import java.io.Serial;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.util.AccumulatorV2;
import org.diffusion4j.TrainingListener;

/**
 * The latest events of a training, which come to the driver with the executor's heartbeats and at
 * the end of its task. Immutable lists, because a heartbeat may read while the training adds.
 */
final class TrainingEvents extends AccumulatorV2<TrainingEvents.Event, List<TrainingEvents.Event>> {

  @Serial private static final long serialVersionUID = 1;

  /** The number of events that are kept. */
  private static final int KEPT = 2048;

  @SuppressWarnings("serial") // Its implementation is serializable.
  private volatile List<Event> events = List.of();

  /** What a listener is told. */
  sealed interface Event extends Serializable {

    /** Number of steps done. */
    long steps();

    /** Tells the events of a step apart. */
    default String kind() {
      return getClass().getName();
    }

    void tell(TrainingListener listener);
  }

  /** A step was done. */
  record StepDone(
      long index,
      int epoch,
      int batchSize,
      double loss,
      double smoothedLoss,
      double[] lossByQuartile,
      double gradientNorm,
      double learningRate,
      double samplesPerSecond)
      implements Event {

    @Serial private static final long serialVersionUID = 1;

    static StepDone of(TrainingListener.Step step) {
      return new StepDone(
          step.index(),
          step.epoch(),
          step.batchSize(),
          step.loss(),
          step.smoothedLoss(),
          step.lossByQuartile().stream().mapToDouble(d -> d).toArray(),
          step.gradientNorm(),
          step.learningRate(),
          step.samplesPerSecond());
    }

    @Override
    public long steps() {
      return index + 1;
    }

    @Override
    public void tell(TrainingListener listener) {
      List<Double> quartiles = java.util.Arrays.stream(lossByQuartile).boxed().toList();
      listener.onStep(
          new TrainingListener.Step(
              index,
              epoch,
              batchSize,
              loss,
              smoothedLoss,
              quartiles,
              gradientNorm,
              learningRate,
              samplesPerSecond));
    }
  }

  /** An epoch ended in a step. */
  record EpochEnded(long steps, int epoch, double meanLoss) implements Event {

    @Serial private static final long serialVersionUID = 1;

    @Override
    public String kind() {
      return "epoch " + epoch;
    }

    @Override
    public void tell(TrainingListener listener) {
      listener.onEpoch(epoch, meanLoss);
    }
  }

  /** The validation data were measured. */
  record Validated(long steps, double loss) implements Event {

    @Serial private static final long serialVersionUID = 1;

    @Override
    public void tell(TrainingListener listener) {
      listener.onValidation(steps, loss);
    }
  }

  @Override
  public boolean isZero() {
    return events.isEmpty();
  }

  @Override
  public AccumulatorV2<Event, List<Event>> copy() {
    TrainingEvents copy = new TrainingEvents();
    copy.events = events;
    return copy;
  }

  @Override
  public void reset() {
    events = List.of();
  }

  @Override
  public void add(Event event) {
    merge(List.of(event));
  }

  @Override
  public void merge(AccumulatorV2<Event, List<Event>> other) {
    merge(other.value());
  }

  private synchronized void merge(List<Event> more) {
    List<Event> all = new ArrayList<>(events);
    all.addAll(more);
    events = List.copyOf(all.subList(Math.max(0, all.size() - KEPT), all.size()));
  }

  @Override
  public List<Event> value() {
    return events;
  }
}
