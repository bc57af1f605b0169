package org.diffusion4j.examples.serve;

import java.time.Duration;

/** An order on its way through the service: one thread draws it, another one waits for news. */
final class Job {

  private final Order order;
  private final boolean watched;
  private News news = new News.Waiting();
  private boolean cancelled;

  /**
   * @param watched whether somebody looks at previews
   */
  Job(Order order, boolean watched) {
    this.order = order;
    this.watched = watched;
  }

  Order order() {
    return order;
  }

  int count() {
    return order.samples().size();
  }

  boolean isWatched() {
    return watched;
  }

  /** Replaces news that nobody has read yet, so that a slow reader costs no memory. */
  synchronized void tell(News latest) {
    if (!news.last()) {
      news = latest;
      notifyAll();
    }
  }

  synchronized News news() {
    return news;
  }

  /** The latest news, once they differ from those seen, or after a while. */
  synchronized News awaitNews(News seen, Duration most) throws InterruptedException {
    long end = System.nanoTime() + most.toNanos();
    for (long left = end - System.nanoTime();
        news == seen && left > 0;
        left = end - System.nanoTime()) {
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
    return news;
  }

  /** Says that nobody wants the pictures any more. */
  synchronized void cancel() {
    cancelled = true;
  }

  synchronized boolean isCancelled() {
    return cancelled;
  }
}
