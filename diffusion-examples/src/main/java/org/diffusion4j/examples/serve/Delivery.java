package org.diffusion4j.examples.serve;

import java.io.IOException;
import java.time.Duration;

/** Brings a job's news to the client that waits for it, on the client's thread. */
final class Delivery {

  private static final Duration PAUSE = Duration.ofMillis(500);

  private final JobQueue queue;
  private final ClientThreads threads;
  private final ServiceMeters meters;

  Delivery(JobQueue queue, ClientThreads threads, ServiceMeters meters) {
    this.queue = queue;
    this.threads = threads;
    this.meters = meters;
  }

  /**
   * Adds a job to the queue and answers with what becomes of it. If the client goes away, or reads
   * nothing for too long, the job is cancelled.
   *
   * @throws Refusal if there will be no pictures and the answer has not begun
   * @throws IOException if the client went away, or if the answer ends before its end
   */
  void deliver(Order order, Answer answer) throws IOException {
    long start = System.nanoTime();
    String outcome = "cancelled";
    Job job = new Job(order, answer.isWatched());
    try {
      queue.add(job);
      News last = tellAll(job, answer);
      if (last instanceof News.Failed failed) {
        outcome = Integer.toString(failed.why().status());
        if (!answer.failed(failed.why())) {
          refuse(failed.why(), answer);
        }
      } else {
        outcome = "done";
      }
    } catch (Refusal e) {
      outcome = Integer.toString(e.status());
      throw e;
    } finally {
      job.cancel();
      meters.ended(outcome, Duration.ofNanos(System.nanoTime() - start));
    }
  }

  private static void refuse(Refusal why, Answer answer) throws IOException {
    if (answer.hasBegun()) {
      throw new IOException(why.sentence());
    }
    throw why;
  }

  private News tellAll(Job job, Answer answer) throws IOException {
    News seen = job.news();
    if (answer.isWatched()) {
      answer.pause(queue.ahead(job));
    }
    while (true) {
      News news = await(job, seen);
      threads.getsOn();
      if (news == seen) {
        answer.pause(queue.ahead(job));
      } else if (news instanceof News.Stepped step) {
        answer.stepped(step);
      } else if (news instanceof News.Finished finished) {
        answer.finished(finished);
      }
      threads.getsOn();
      if (news.last()) {
        return news;
      }
      seen = news;
    }
  }

  private static News await(Job job, News seen) throws IOException {
    try {
      return job.awaitNews(seen, PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the service stops", e);
    }
  }
}
