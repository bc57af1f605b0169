package org.diffusion4j.examples.serve;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads that talk to clients. One that hears or tells nothing for a while, because its client
 * neither sends nor reads, is interrupted, which closes the connection.
 */
final class ClientThreads implements Executor, AutoCloseable {

  /** A client that reads slowly gets on with each piece of so many bytes. */
  private static final int PIECE = 4096;

  private final Duration patience;
  private final ThreadPoolExecutor pool;
  private final ScheduledExecutorService clock;

  /** When each busy thread was last seen to get on, in nanoseconds. */
  private final Map<Thread, Long> seen = new ConcurrentHashMap<>();

  /**
   * @param most number of threads; further requests wait until one is free
   * @param patience how long a thread may be kept by its client
   */
  ClientThreads(int most, Duration patience) {
    this.patience = patience;
    AtomicInteger number = new AtomicInteger();
    pool =
        new ThreadPoolExecutor(
            most,
            most,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> daemon(task, "client-" + number.incrementAndGet()));
    pool.allowCoreThreadTimeOut(true);
    clock = Executors.newSingleThreadScheduledExecutor(task -> daemon(task, "patience"));
    long period = Math.max(1, patience.toMillis() / 10);
    clock.scheduleWithFixedDelay(this::interruptIdle, period, period, TimeUnit.MILLISECONDS);
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public void execute(Runnable task) {
    pool.execute(
        () -> {
          Thread self = Thread.currentThread();
          seen.put(self, System.nanoTime());
          try {
            task.run();
          } finally {
            seen.remove(self);
            // An interrupt meant for this client must not meet the next one.
            Thread.interrupted();
          }
        });
  }

  /** Says that the current thread gets on with its client. */
  void getsOn() {
    seen.computeIfPresent(Thread.currentThread(), (thread, at) -> System.nanoTime());
  }

  /** A stream to a client, each piece of which shows that the client gets on. */
  OutputStream watched(OutputStream out) {
    return new FilterOutputStream(out) {
      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        for (int done = 0; done < length; done += PIECE) {
          out.write(bytes, offset + done, Math.min(PIECE, length - done));
          getsOn();
        }
      }
    };
  }

  private void interruptIdle() {
    long now = System.nanoTime();
    for (Thread busy : seen.keySet()) {
      // While this computes, the thread cannot be removed and take another client.
      seen.computeIfPresent(
          busy,
          (thread, at) -> {
            if (now - at > patience.toNanos()) {
              thread.interrupt();
            }
            return at;
          });
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
    pool.shutdownNow();
  }
}
