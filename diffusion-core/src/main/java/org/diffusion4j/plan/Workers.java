package org.diffusion4j.plan;

import com.google.common.util.concurrent.ThreadFactoryBuilder;
import com.google.common.util.concurrent.Uninterruptibles;
import com.sun.jna.NativeLibrary;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * The threads that run plans, one for each processor. A batch is divided among them, and each runs
 * its part from beginning to end without waiting for the others.
 */
final class Workers {

  /** The system property that sets the number of threads. */
  static final String PROPERTY = "diffusion4j.threads";

  private static final ThreadLocal<Integer> OPEN_MP_THREADS = ThreadLocal.withInitial(() -> 0);

  private final int threads;
  private final ExecutorService executor;

  Workers(int threads) {
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
  static Workers shared() {
    return Shared.WORKERS;
  }

  int threads() {
    return threads;
  }

  /**
   * Runs tasks and waits for all of them, even if the caller is interrupted: they work on its
   * arrays.
   *
   * @param openMp the threads that oneDNN may use in each task
   */
  <T> List<T> run(int openMp, List<? extends Callable<T>> tasks) {
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

  /** The OpenMP that oneDNN was linked with. */
  static final class OpenMp {

    private static final com.sun.jna.Function SET = find();

    private OpenMp() {}

    private static com.sun.jna.Function find() {
      String onednn = org.bytedeco.javacpp.Loader.load(org.bytedeco.dnnl.global.dnnl.class);
      String directory = new java.io.File(onednn).getParent();
      String library = directory + "/" + System.mapLibraryName("dnnl") + ".3";
      return NativeLibrary.getInstance(library).getFunction("omp_set_num_threads");
    }

    static void setThreads(int count) {
      SET.invokeVoid(new Object[] {count});
    }
  }
}
