package org.diffusion4j.examples.serve;

import java.awt.image.BufferedImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.diffusion4j.CancelToken;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.data.ImageFiles;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that draws: it takes jobs batch by batch. A prediction uses all processors, so a
 * second thread would only take turns with it.
 */
final class Painter implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Painter.class);

  private final JobQueue queue;
  private final ServiceMeters meters;
  private final Thread thread;
  private volatile boolean stopping;

  Painter(JobQueue queue, ServiceMeters meters) {
    this.queue = queue;
    this.meters = meters;
    thread = new Thread(this::work, "painter");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  private void work() {
    try {
      for (List<Job> jobs = queue.take(); !jobs.isEmpty(); jobs = queue.take()) {
        paint(jobs);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void paint(List<Job> jobs) {
    try {
      draw(jobs);
    } catch (SamplingCancelledException e) {
      e.close();
      fail(jobs, new Refusal(Refusal.UNAVAILABLE, "the service stopped before it was done"));
    } catch (IllegalArgumentException e) {
      if (jobs.size() > 1) {
        // One of them does not fit the model, which must not fail the others.
        jobs.forEach(job -> paint(List.of(job)));
      } else {
        fail(jobs, Refusal.badRequest(String.valueOf(e.getMessage())));
      }
    } catch (RuntimeException | Error e) { // Nobody else would answer the clients.
      LOG.error("drawing failed", e);
      fail(jobs, new Refusal(Refusal.FAILED, "drawing failed: " + e.getMessage()));
    }
  }

  private static void fail(List<Job> jobs, Refusal why) {
    jobs.forEach(job -> job.tell(new News.Failed(why)));
  }

  private void draw(List<Job> jobs) {
    long start = System.nanoTime();
    Order.Method method = jobs.get(0).order().method();
    List<Sample> samples = jobs.stream().flatMap(job -> job.order().samples().stream()).toList();
    meters.batch(samples.size());
    CancelToken token = new CancelToken();
    PictureModel.Watcher watcher =
        (index, steps, previews) -> {
          if (stopping || jobs.stream().allMatch(Job::isCancelled)) {
            token.cancel();
          } else {
            tell(jobs, index, steps, previews);
          }
        };
    try (INDArray pictures = method.model().draw(method, samples, watcher, token)) {
      double seconds = (System.nanoTime() - start) / 1e9;
      int first = 0;
      for (Job job : jobs) {
        job.tell(new News.Finished(images(pictures, first, job.count()), seconds));
        first += job.count();
      }
    }
  }

  /** Tells those who watch; the others wait only for the end. */
  private static void tell(
      List<Job> jobs, int index, int steps, Supplier<List<BufferedImage>> previews) {
    if (jobs.stream().noneMatch(job -> job.isWatched() && !job.isCancelled())) {
      return;
    }
    List<BufferedImage> all = previews.get();
    int first = 0;
    for (Job job : jobs) {
      if (job.isWatched()) {
        List<BufferedImage> own =
            all.isEmpty() ? List.of() : List.copyOf(all.subList(first, first + job.count()));
        job.tell(new News.Stepped(steps, index + 1, own));
      }
      first += job.count();
    }
  }

  /** Pictures {@code first} to {@code first + n - 1} of {@code [n, channels, height, width]}. */
  static List<BufferedImage> images(INDArray pictures, long first, long n) {
    List<BufferedImage> images = new ArrayList<>();
    for (long i = first; i < first + n; i++) {
      images.add(ImageFiles.image(pictures.slice(i)));
    }
    return images;
  }

  /** Waits for what runs, for a while, and then cancels it. The queue must be closed before. */
  void close(Duration patience) {
    try {
      thread.join(Math.max(1, patience.toMillis()));
      stopping = true;
      thread.join();
    } catch (InterruptedException e) {
      stopping = true;
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    close(Duration.ZERO);
  }
}
