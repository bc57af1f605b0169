package org.diffusion4j.engine.cpu;

import com.google.common.util.concurrent.Uninterruptibles;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The computing threads, one per processor. Work is divided among them, and each does its part
 * without waiting for the others. They start on demand and end when idle.
 *
 * <p>Work that a task submits runs on the task's own thread, so callbacks may submit any work.
 */
public final class Workers {

  /** The system property that sets the number of threads. */
  public static final String PROPERTY = "diffusion4j.threads";

  private static final long IDLE_SECONDS = 10;
  private static final long LOOK_AGAIN_MILLIS = 50;
  private static final ThreadLocal<State> STATE = ThreadLocal.withInitial(State::new);

  private final int threads;
  private final ThreadPoolExecutor executor;
  private final AtomicInteger busy = new AtomicInteger();
  private final AtomicInteger inCallbacks = new AtomicInteger();

  /** The state of a thread. */
  private static final class State {
    /** The workers whose task it runs, or null. */
    private @Nullable Workers at;

    private boolean inCallback;

    /** The number of threads that it set in OpenMP, or 0. */
    private int openMp;
  }

  private Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(PROPERTY + " must be at least 1 but was " + threads);
    }
    this.threads = threads;
    executor =
        new ThreadPoolExecutor(
            threads,
            threads,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Workers::thread);
    executor.allowCoreThreadTimeOut(true);
  }

  private static Thread thread(Runnable work) {
    Thread thread = new Worker(work);
    thread.setDaemon(true);
    // Not the context class loader of the first caller.
    thread.setContextClassLoader(Workers.class.getClassLoader());
    return thread;
  }

  private static final class Worker extends Thread {

    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final SecureRandom SEEDS = new SecureRandom();

    Worker(Runnable work) {
      super(null, work, "diffusion4j-" + COUNT.getAndIncrement(), 0, false);
    }

    /** ND4J seeds each thread's generator with the millisecond in which it is first used. */
    @Override
    public void run() {
      Nd4j.getRandom().setSeed(SEEDS.nextLong());
      super.run();
    }
  }

  private static final class Shared {
    static final Workers WORKERS =
        of(Integer.getInteger(PROPERTY, Runtime.getRuntime().availableProcessors()));
  }

  /** The threads of this process. */
  public static Workers shared() {
    return Shared.WORKERS;
  }

  /** Separate threads. */
  public static Workers of(int threads) {
    return new Workers(threads);
  }

  /** The number of threads. */
  public int threads() {
    return threads;
  }

  /** Work on a part of a range, {@code end} exclusive. */
  public interface Part {
    double run(int start, int end);
  }

  /**
   * Divides a range into one part per thread and runs all parts.
   *
   * @return the sum of the parts' results
   */
  public double divide(int length, Part part) {
    double sum = 0;
    for (double result : run(1, parts(length, part))) {
      sum += result;
    }
    return sum;
  }

  private List<Callable<Double>> parts(int length, Part part) {
    int parts = Math.min(length, threads);
    List<Callable<Double>> tasks = new ArrayList<>();
    for (int i = 0; i < parts; i++) {
      int start = (int) ((long) length * i / parts);
      int end = (int) ((long) length * (i + 1) / parts);
      tasks.add(() -> part.run(start, end));
    }
    return tasks;
  }

  /**
   * Like {@link #divide}, but the calling thread takes part, so that it ends even if all other
   * threads wait for the caller.
   */
  public void together(int length, Part part) {
    List<FutureTask<Double>> futures = futures(parts(length, part));
    if (!isWorking()) {
      futures.stream().skip(1).forEach(future -> executor.execute(() -> here(1, future)));
    }
    futures.forEach(future -> here(1, future));
    await(1, futures);
  }

  /**
   * Runs tasks and waits for all of them, even if the caller is interrupted, because they use its
   * arrays. Tasks submitted by a task run one after the other on its thread.
   *
   * @param openMp number of OpenMP threads in each task
   */
  public <T> List<T> run(int openMp, List<? extends Callable<T>> tasks) {
    List<FutureTask<T>> futures = futures(tasks);
    if (isWorking()) {
      futures.forEach(future -> here(openMp, future));
    } else {
      futures.forEach(future -> executor.execute(() -> here(openMp, future)));
    }
    return await(openMp, futures);
  }

  /** Runs a task on the calling thread. */
  public <T> T alone(int openMp, Callable<T> task) {
    FutureTask<T> future = new FutureTask<>(task);
    here(openMp, future);
    return await(openMp, List.of(future)).get(0);
  }

  /** Whether the calling thread runs a task. */
  public boolean isWorking() {
    return STATE.get().at != null;
  }

  /** Runs the caller's code within a task; it may wait for other threads. */
  public static void callback(Runnable code) {
    State state = STATE.get();
    Workers at = state.at;
    if (at == null || state.inCallback) {
      code.run();
      return;
    }
    at.inCallbacks.incrementAndGet();
    state.inCallback = true;
    try {
      code.run();
    } finally {
      state.inCallback = false;
      at.inCallbacks.decrementAndGet();
    }
  }

  /** Whether all busy threads are in callbacks, where they may wait for the calling thread. */
  public boolean allAreInCallbacks() {
    int callbacks = inCallbacks.get();
    return callbacks > 0 && callbacks >= busy.get();
  }

  private static <T> List<FutureTask<T>> futures(List<? extends Callable<T>> tasks) {
    List<FutureTask<T>> futures = new ArrayList<>();
    for (Callable<T> task : tasks) {
      futures.add(new FutureTask<>(task));
    }
    return futures;
  }

  /** Runs a task on the calling thread unless another thread has started it. */
  private void here(int openMp, FutureTask<?> task) {
    State state = STATE.get();
    Workers outer = state.at;
    boolean callback = state.inCallback;
    boolean ours = outer == null && Thread.currentThread() instanceof Worker;
    int before = ours || state.openMp > 0 ? state.openMp : OpenMp.threads();
    useOpenMpThreads(state, openMp);
    state.at = this;
    state.inCallback = false;
    if (callback && outer != null) {
      outer.inCallbacks.decrementAndGet();
    }
    if (outer == null) {
      busy.incrementAndGet();
    }
    try {
      task.run();
    } finally {
      if (outer == null) {
        busy.decrementAndGet();
      }
      if (callback && outer != null) {
        outer.inCallbacks.incrementAndGet();
      }
      state.inCallback = callback;
      state.at = outer;
      if (!ours) {
        useOpenMpThreads(state, before);
        // Other code may change OpenMP's setting in between.
        state.openMp = outer == null ? 0 : before;
      }
    }
  }

  private <T> List<T> await(int openMp, List<FutureTask<T>> futures) {
    List<T> results = new ArrayList<>();
    ExecutionException failure = null;
    for (FutureTask<T> future : futures) {
      try {
        results.add(await(openMp, future));
      } catch (ExecutionException e) {
        failure = e;
      }
    }
    if (failure != null) {
      rethrow(failure);
    }
    return results;
  }

  private <T> T await(int openMp, FutureTask<T> future) throws ExecutionException {
    while (true) {
      try {
        return Objects.requireNonNull(
            Uninterruptibles.getUninterruptibly(future, LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS));
      } catch (TimeoutException e) {
        // A callback may have started the thread that waits here.
        if (allAreInCallbacks()) {
          here(openMp, future);
        }
      }
    }
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

  /** OpenMP stores the number per calling thread. */
  private static void useOpenMpThreads(State state, int count) {
    if (count > 0 && state.openMp != count) {
      OpenMp.setThreads(count);
      state.openMp = count;
    }
  }
}
