package org.diffusion4j.examples.serve;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Jobs that wait, in the order of their arrival. What is taken is the first job and those behind it
 * that can be drawn in the same batch.
 */
final class JobQueue {

  private final int limit;
  private final int batch;
  private final Duration linger;
  private final Set<Job> waiting = new LinkedHashSet<>();
  private boolean closed;

  /**
   * @param limit number of jobs that may wait
   * @param batch number of pictures of a batch
   * @param linger how long the first job waits for others of its kind: callers that come back as
   *     soon as they have their pictures then share batches
   */
  JobQueue(int limit, int batch, Duration linger) {
    this.limit = limit;
    this.batch = batch;
    this.linger = linger;
  }

  /**
   * Adds a job.
   *
   * @throws Refusal if too many wait, or if the service stops
   */
  synchronized void add(Job job) {
    requireOpen();
    waiting.removeIf(Job::isCancelled);
    if (waiting.size() >= limit) {
      throw new Refusal(
          Refusal.TOO_MANY,
          "requests that wait must be at most " + limit + ": please try again in a moment");
    }
    waiting.add(job);
    notifyAll();
  }

  private void requireOpen() {
    if (closed) {
      throw new Refusal(Refusal.UNAVAILABLE, "the service is stopping and takes no more requests");
    }
  }

  /** The number of jobs that wait. */
  synchronized int size() {
    return waiting.size();
  }

  /** The number of jobs before one that waits; 0 if it does not. */
  synchronized int ahead(Job job) {
    int before = 0;
    for (Job other : waiting) {
      if (other == job) {
        return before;
      }
      before++;
    }
    return 0;
  }

  /**
   * Waits for jobs.
   *
   * @return jobs of one batch, in their order; none once the queue is closed
   */
  synchronized List<Job> take() throws InterruptedException {
    while (true) {
      waiting.removeIf(Job::isCancelled);
      if (closed) {
        return List.of();
      }
      if (!waiting.isEmpty()) {
        lingerForMore();
        List<Job> taken = closed ? List.of() : together();
        if (closed || !taken.isEmpty()) {
          waiting.removeAll(Set.copyOf(taken));
          return taken;
        }
      } else {
        wait();
      }
    }
  }

  private void lingerForMore() throws InterruptedException {
    long end = System.nanoTime() + linger.toNanos();
    while (!closed && together().stream().mapToInt(Job::count).sum() < batch) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        return;
      }
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
  }

  /** The first job, and those of its kind that fit into the batch with it. */
  private List<Job> together() {
    List<Job> jobs = new ArrayList<>();
    int pictures = 0;
    for (Job job : waiting) {
      boolean joins =
          !job.isCancelled()
              && (jobs.isEmpty()
                  || (job.order().method().equals(jobs.get(0).order().method())
                      && pictures + job.count() <= batch));
      if (joins) {
        jobs.add(job);
        pictures += job.count();
      }
    }
    return jobs;
  }

  /** Refuses further jobs, and fails those that wait. */
  void close() {
    List<Job> left = new ArrayList<>();
    synchronized (this) {
      closed = true;
      for (Iterator<Job> jobs = waiting.iterator(); jobs.hasNext(); jobs.remove()) {
        left.add(jobs.next());
      }
      notifyAll();
    }
    for (Job job : left) {
      job.tell(
          new News.Failed(new Refusal(Refusal.UNAVAILABLE, "the service stopped before its turn")));
    }
  }
}
