package org.diffusion4j.training;

import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.InterruptedByTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.diffusion4j.training.DiffusionTrainer.Peers;

/** Processes of a training that are threads. */
final class InMemoryPeers implements Peers {

  private static final int SECONDS = 10;

  private final int rank;
  private final List<List<BlockingQueue<ByteBuffer>>> fromTo;

  private InMemoryPeers(int rank, List<List<BlockingQueue<ByteBuffer>>> fromTo) {
    this.rank = rank;
    this.fromTo = fromTo;
  }

  /** Runs the same in several threads, each of which is a process; the results by rank. */
  static <T> List<T> run(int size, Function<Peers, T> process) throws InterruptedException {
    List<List<BlockingQueue<ByteBuffer>>> fromTo = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      List<BlockingQueue<ByteBuffer>> to = new ArrayList<>();
      for (int q = 0; q < size; q++) {
        to.add(new LinkedBlockingQueue<>());
      }
      fromTo.add(to);
    }
    ExecutorService threads = Executors.newFixedThreadPool(size);
    try {
      List<Future<T>> futures = new ArrayList<>();
      for (int r = 0; r < size; r++) {
        Peers peers = new InMemoryPeers(r, fromTo);
        futures.add(threads.submit(() -> process.apply(peers)));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new AssertionError(e);
    } finally {
      threads.shutdownNow();
    }
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return fromTo.size();
  }

  @Override
  public ByteBuffer[] exchange(ByteBuffer[] messages) {
    ByteBuffer[] received = new ByteBuffer[size()];
    for (int q = 0; q < size(); q++) {
      ByteBuffer copy = ByteBuffer.allocate(messages[q].remaining()).put(messages[q]).flip();
      fromTo.get(rank).get(q).add(copy);
    }
    try {
      for (int r = 0; r < size(); r++) {
        received[r] = fromTo.get(r).get(rank).poll(SECONDS, TimeUnit.SECONDS);
        if (received[r] == null) {
          throw new UncheckedIOException(new InterruptedByTimeoutException());
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return received;
  }
}
