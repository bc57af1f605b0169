package org.diffusion4j.spark;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.spark.TrainingEvents.Event;
import org.jspecify.annotations.Nullable;
import scala.jdk.javaapi.CollectionConverters;

/** Tells a listener on the driver what happens in a training, in order and each event once. */
final class EventForwarder extends SparkListener {

  private final long id;
  private final TrainingListener listener;
  private final Set<String> toldOfLast = new HashSet<>();
  private long last = -1;
  private @Nullable RuntimeException failure;

  EventForwarder(TrainingEvents events, TrainingListener listener) {
    id = events.id();
    this.listener = listener;
  }

  @Override
  public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    CollectionConverters.asJava(update.accumUpdates())
        .forEach(task -> CollectionConverters.asJava(task._4()).forEach(this::take));
  }

  @Override
  public void onTaskEnd(SparkListenerTaskEnd end) {
    CollectionConverters.asJava(end.taskInfo().accumulables()).forEach(this::take);
  }

  private void take(AccumulableInfo info) {
    if (info.id() == id && info.update().isDefined()) {
      @SuppressWarnings("unchecked") // The update of this accumulator.
      List<Event> events = (List<Event>) info.update().get();
      forward(events);
    }
  }

  /** Tells of events that were not told of before: a training that is tried again repeats some. */
  synchronized void forward(List<Event> events) {
    for (Event event : events) {
      if (event.steps() > last) {
        last = event.steps();
        toldOfLast.clear();
      }
      if (event.steps() == last && toldOfLast.add(event.kind()) && failure == null) {
        try {
          event.tell(listener);
        } catch (RuntimeException e) {
          failure = e;
        }
      }
    }
  }

  /** Throws what the listener has thrown. */
  synchronized void rethrow() {
    if (failure != null) {
      throw failure;
    }
  }
}
