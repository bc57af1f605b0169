package org.diffusion4j.internal;

import com.google.common.util.concurrent.ThreadFactoryBuilder;
import com.google.common.util.concurrent.Uninterruptibles;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The threads that compute, one for each processor. Work is divided among them, and each does its
 * part from beginning to end without waiting for the others.
 */
public final class Workers {

  /** The system property that sets the number of threads. */
  public static final String PROPERTY = "diffusion4j.threads";

  private static final ThreadLocal<Integer> OPEN_MP_THREADS = ThreadLocal.withInitial(() -> 0);

  private final int threads;
  private final ExecutorService executor;

  private Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(PROPERTY + " must be at least 1 but was " + threads);
    }
    this.threads = threads;
    executor =
        Executors.newFixedThreadPool(
            threads,
            new ThreadFactoryBuilder().setNameFormat("diffusion4j-%d").setDaemon(true).build());
  }

  private static final class Shared {
    static final Workers WORKERS =
        new Workers(Integer.getInteger(PROPERTY, Runtime.getRuntime().availableProcessors()));
  }

  /** The threads of this process. */
  public static Workers shared() {
    return Shared.WORKERS;
  }

  /** Their number. */
  public int threads() {
    return threads;
  }

  /** Work on a part of a range, {@code end} exclusive. */
  public interface Part {
    double run(int start, int end);
  }

  /**
   * Divides a range into as many parts as there are threads and runs all.
   *
   * @return the sum of what the parts return
   */
  public double divide(int length, Part part) {
    int parts = Math.min(length, threads);
    List<Callable<Double>> tasks = new ArrayList<>();
    for (int i = 0; i < parts; i++) {
      int start = (int) ((long) length * i / parts);
      int end = (int) ((long) length * (i + 1) / parts);
      tasks.add(() -> part.run(start, end));
    }
    double sum = 0;
    for (double result : run(1, tasks)) {
      sum += result;
    }
    return sum;
  }

  /**
   * Runs tasks and waits for all of them, even if the caller is interrupted: they work on its
   * arrays.
   *
   * @param openMp the threads that OpenMP may use in each task
   */
  public <T> List<T> run(int openMp, List<? extends Callable<T>> tasks) {
    List<Future<T>> futures = new ArrayList<>();
    for (Callable<T> task : tasks) {
      futures.add(
          executor.submit(
              () -> {
                useOpenMpThreads(openMp);
                return task.call();
              }));
    }
    List<T> results = new ArrayList<>();
    ExecutionException failure = null;
    for (Future<T> future : futures) {
      try {
        results.add(Uninterruptibles.getUninterruptibly(future));
      } catch (ExecutionException e) {
        failure = e;
      }
    }
    if (failure != null) {
      rethrow(failure);
    }
    return results;
  }

  private static void rethrow(ExecutionException failure) {
    if (failure.getCause() instanceof RuntimeException e) {
      throw e;
    }
    if (failure.getCause() instanceof Error e) {
      throw e;
    }
    throw new IllegalStateException(failure.getCause());
  }

  /** OpenMP keeps the number for each thread that calls it. */
  private static void useOpenMpThreads(int count) {
    if (OPEN_MP_THREADS.get() != count) {
      OpenMp.setThreads(count);
      OPEN_MP_THREADS.set(count);
    }
  }
}
