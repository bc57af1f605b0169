package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.diffusion4j.data.SampleIterator.Position;
import org.diffusion4j.data.SampleIteratorTest.Counted;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

@Timeout(30)
class PrefetchingIteratorTest {

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** Sample i is the vector [i]; a read takes a permit, where permits are asked for. */
  private static final class Gated implements SampleSource {

    final BlockingQueue<Integer> permits = new LinkedBlockingQueue<>();
    final List<Integer> begun = new CopyOnWriteArrayList<>();
    final List<Thread> threads = new CopyOnWriteArrayList<>();
    private final int size;
    private final boolean free;
    private volatile int broken = -1;

    Gated(int size, boolean free) {
      this.size = size;
      this.free = free;
    }

    @Override
    public int size() {
      return size;
    }

    @Override
    public long[] sampleShape() {
      return new long[] {1};
    }

    @Override
    public void read(int index, float[] into) throws IOException {
      threads.add(Thread.currentThread());
      begun.add(index);
      if (!free) {
        try {
          permits.take();
        } catch (InterruptedException e) {
          throw new IOException("interrupted", e);
        }
      }
      if (index == broken) {
        throw new IOException(index + ".png: is damaged");
      }
      into[0] = index;
    }

    void permit(int reads) {
      for (int i = 0; i < reads; i++) {
        permits.add(i);
      }
    }

    void awaitBegun(int reads) {
      await(() -> begun.size() >= reads);
    }

    void awaitThreadsEnd() {
      await(() -> threads.stream().noneMatch(Thread::isAlive));
    }

    @Override
    public int label(int index) {
      throw new IllegalStateException();
    }

    @Override
    public List<String> classNames() {
      return List.of();
    }
  }

  private static void await(Callable<Boolean> condition) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (!condition.call()) {
        assertThat(System.nanoTime()).isLessThan(end);
        Thread.sleep(1);
      }
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static PrefetchingIterator prefetching(SampleSource source, int batches) {
    return PrefetchingIterator.of(SampleIterator.of(source, 1).build(), batches);
  }

  private static int value(DataSet batch) {
    return (int) batch.getFeatures().getFloat(0);
  }

  @Test
  void next_endOfEpoch_saysSo() {
    try (PrefetchingIterator data = prefetching(new Gated(1, true), 2)) {
      data.next();

      assertThat(data.hasNext()).isFalse();
      assertThatThrownBy(data::next)
          .isInstanceOf(NoSuchElementException.class)
          .hasMessage("epoch 0 has no more batches");
    }
  }

  @Test
  void next_readsAheadOnADaemon_asFarAsAsked() {
    Gated source = new Gated(9, false);
    try (PrefetchingIterator data = prefetching(source, 3)) {
      assertThat(source.begun).isEmpty();
      source.permit(9);
      assertThat(value(data.next())).isZero();
      source.awaitBegun(4);

      await(() -> source.threads.get(0).getState() == Thread.State.WAITING);
      assertThat(source.begun).containsExactly(0, 1, 2, 3);
      assertThat(source.threads.get(0).isDaemon()).isTrue();
      assertThat(source.threads).doesNotContain(Thread.currentThread());
      assertThat(data.position()).isEqualTo(new Position(0, 1));
    }
    source.awaitThreadsEnd();
  }

  @Test
  void next_sourceFails_deliversWhatWasBeforeAndTriesAgain() {
    Gated source = new Gated(5, true);
    source.broken = 2;
    try (PrefetchingIterator data = prefetching(source, 4)) {
      data.next();
      data.next();
      for (int attempt = 0; attempt < 2; attempt++) {
        assertThat(data.hasNext()).isTrue();
        assertThatThrownBy(data::next)
            .isInstanceOf(UncheckedIOException.class)
            .hasMessage("batch 2 of epoch 0, sample 2: 2.png: is damaged");
        assertThat(data.position()).isEqualTo(new Position(0, 2));
      }
      source.broken = -1;
      assertThat(value(data.next())).isEqualTo(2);
      assertThat(value(data.next())).isEqualTo(3);
    }
    source.awaitThreadsEnd();
  }

  @Test
  void next_error_reachesTheCaller() {
    SampleIterator within = SampleIterator.of(new Gated(2, true), 1).build();
    within.setPreProcessor(
        batch -> {
          throw new OutOfMemoryError("for a test");
        });
    try (PrefetchingIterator data = PrefetchingIterator.of(within, 1)) {
      assertThatThrownBy(data::next).isInstanceOf(OutOfMemoryError.class).hasMessage("for a test");
    }
  }

  @Test
  void next_number_goesOnWhereItStands() {
    try (PrefetchingIterator data = prefetching(new Gated(6, true), 3)) {
      data.next();

      assertThat(data.next(3).getFeatures().toFloatVector()).containsExactly(1, 2, 3);
      assertThat(data.position()).isEqualTo(new Position(0, 4));
      assertThat(value(data.next())).isEqualTo(4);
    }
  }

  @Test
  void setPreProcessor_changesWhatWasReadAhead() {
    Gated source = new Gated(6, true);
    try (PrefetchingIterator data = prefetching(source, 3)) {
      data.next();
      source.awaitBegun(4);
      data.setPreProcessor(batch -> batch.getFeatures().addi(100));

      assertThat(value(data.next())).isEqualTo(101);
      assertThat(data.getPreProcessor()).isNotNull();
    }
  }

  @Test
  void next_interrupted_waitsAndKeepsTheInterrupt() throws Exception {
    Gated source = new Gated(3, false);
    try (PrefetchingIterator data = prefetching(source, 1)) {
      FutureTask<Boolean> consumer =
          new FutureTask<>(() -> value(data.next()) == 0 && Thread.interrupted());
      Thread thread = start(consumer);
      source.awaitBegun(1);
      await(() -> thread.getState() == Thread.State.WAITING);
      thread.interrupt();
      Thread.sleep(20);
      assertThat(consumer.isDone()).isFalse();
      source.permit(3);

      assertThat(consumer.get(20, TimeUnit.SECONDS)).isTrue();
      assertThat(value(data.next())).isEqualTo(1);
    }
    source.awaitThreadsEnd();
  }

  @Test
  void close_whileReaderBlocks_freesWhoeverWaits() throws Exception {
    for (int kind = 0; kind < 4; kind++) {
      Gated source = new Gated(3, false);
      PrefetchingIterator data = prefetching(source, 2);
      int call = kind;
      FutureTask<Throwable> consumer = new FutureTask<>(() -> thrown(data, call));
      if (kind >= 2) {
        source.permit(1);
        data.next();
        source.awaitBegun(2);
      }
      Thread thread = start(consumer);
      source.awaitBegun(kind >= 2 ? 2 : 1);
      await(() -> thread.getState() == Thread.State.WAITING);
      data.close();

      assertThat(consumer.get(20, TimeUnit.SECONDS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the iterator is closed");
      source.permit(9);
      source.awaitThreadsEnd();
      assertThat(source.begun).hasSizeLessThanOrEqualTo(2);
    }
  }

  private static Throwable thrown(PrefetchingIterator data, int kind) {
    try {
      switch (kind) {
        case 0 -> data.next();
        case 1 -> data.hasNext();
        case 2 -> data.reset();
        default -> data.seek(new Position(1, 1));
      }
      return new AssertionError("went through");
    } catch (RuntimeException e) {
      return e;
    }
  }

  @Test
  void reset_whileReading_waitsForTheReader() throws Exception {
    Gated source = new Gated(3, false);
    try (PrefetchingIterator data = prefetching(source, 2)) {
      source.permit(1);
      data.next();
      source.awaitBegun(2);
      FutureTask<Position> consumer =
          new FutureTask<>(
              () -> {
                data.reset();
                return data.position();
              });
      Thread thread = start(consumer);
      await(() -> thread.getState() == Thread.State.WAITING);
      thread.interrupt();
      source.permit(9);

      assertThat(consumer.get(20, TimeUnit.SECONDS)).isEqualTo(new Position(1, 0));
      assertThat(value(data.next())).isZero();
    }
    source.awaitThreadsEnd();
  }

  @Test
  void closed_everythingButThePositionIsRefused() {
    PrefetchingIterator data = prefetching(new Gated(3, true), 2);
    data.next();
    data.close();
    data.close();

    assertThat(data.position()).isEqualTo(new Position(0, 1));
    assertThatThrownBy(data::next).hasMessage("the iterator is closed");
    assertThatThrownBy(data::hasNext).hasMessage("the iterator is closed");
    assertThatThrownBy(data::reset).hasMessage("the iterator is closed");
    assertThatThrownBy(() -> data.seek(new Position(0, 0))).hasMessage("the iterator is closed");
    assertThatThrownBy(() -> data.next(1)).hasMessage("the iterator is closed");
  }

  @Test
  void undelivered_areFreed() {
    List<INDArray> made = new CopyOnWriteArrayList<>();
    SampleIterator within = SampleIterator.of(new Counted(40, 2, -1), 2).build();
    within.setPreProcessor(
        batch -> {
          made.add(batch.getFeatures());
          made.add(batch.getLabels());
        });
    List<INDArray> taken = new ArrayList<>();
    try (PrefetchingIterator data = PrefetchingIterator.of(within, 3)) {
      for (Runnable giveUp :
          List.<Runnable>of(data::reset, () -> data.seek(new Position(0, 8)), data::close)) {
        DataSet batch = data.next();
        taken.add(batch.getFeatures());
        taken.add(batch.getLabels());
        await(() -> made.size() > taken.size());
        giveUp.run();
      }
    }
    await(() -> made.stream().filter(array -> !array.wasClosed()).count() == taken.size());
    assertThat(taken).noneMatch(INDArray::wasClosed);
    assertThat(made.size()).isGreaterThan(taken.size());
  }

  @Test
  void close_fromAnotherThreadAtAnyMoment_endsEverything() throws Exception {
    for (int round = 0; round < 200; round++) {
      Gated source = new Gated(50, true);
      PrefetchingIterator data = prefetching(source, 1 + round % 3);
      CountDownLatch begun = new CountDownLatch(1);
      CompletableFuture<Throwable> ended = new CompletableFuture<>();
      Thread consumer =
          new Thread(
              () -> {
                try {
                  begun.countDown();
                  while (true) {
                    SampleIteratorTest.nextOfAnyEpoch(data).getFeatures().close();
                  }
                } catch (Throwable e) {
                  ended.complete(e);
                }
              });
      consumer.start();
      begun.await();
      Thread.sleep(0, 1000 * (round % 50));
      consumer.interrupt();
      data.close();

      assertThat(ended.get(20, TimeUnit.SECONDS))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the iterator is closed");
      source.awaitThreadsEnd();
    }
  }

  @Test
  void of_noBatches_isRefused() {
    assertThatThrownBy(() -> prefetching(new Gated(1, true), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("batches must be at least 1 but were 0");
  }

  @Test
  void describesItself() {
    SampleSource samples = SampleSource.of(Nd4j.ones(4, 2), new int[4], 3);
    try (PrefetchingIterator data =
        PrefetchingIterator.of(SampleIterator.of(samples, 3).build(), 2)) {
      assertThat(data.batch()).isEqualTo(3);
      assertThat(data.inputColumns()).isEqualTo(2);
      assertThat(data.totalOutcomes()).isEqualTo(3);
      assertThat(data.getLabels()).containsExactly("0", "1", "2");
      assertThat(data.resetSupported()).isTrue();
      assertThat(data.asyncSupported()).isFalse();
      assertThat(data).asString().startsWith("PrefetchingIterator[SampleIterator[InMemory");
    }
  }

  private static Thread start(Runnable task) {
    Thread thread = new Thread(task);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
