package org.diffusion4j.examples.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ClientThreadsTest {

  private static final Duration PATIENCE = Duration.ofMillis(500);

  /** The bytes that a client read of an answer of so many, which is written at once. */
  private static int read(int bytes, OutputStream client) throws Exception {
    CompletableFuture<Integer> read = new CompletableFuture<>();
    int[] passed = {0};
    try (ClientThreads threads = new ClientThreads(1, PATIENCE);
        OutputStream counted =
            new OutputStream() {
              @Override
              public void write(int value) throws IOException {
                client.write(value);
                passed[0]++;
              }

              @Override
              public void write(byte[] all, int offset, int length) throws IOException {
                client.write(all, offset, length);
                passed[0] += length;
              }
            }) {
      threads.execute(
          () -> {
            try {
              threads.watched(counted).write(new byte[bytes]);
            } catch (IOException e) {
              Thread.currentThread().interrupt();
            }
            read.complete(passed[0]);
          });
      return read.get(20, TimeUnit.SECONDS);
    }
  }

  /** A client that takes so long for each piece. */
  private static OutputStream client(long millis) {
    return new OutputStream() {
      @Override
      public void write(int value) throws IOException {
        write(new byte[] {(byte) value}, 0, 1);
      }

      @Override
      public void write(byte[] all, int offset, int length) throws IOException {
        try {
          Thread.sleep(millis);
        } catch (InterruptedException e) {
          throw new InterruptedIOException();
        }
      }
    };
  }

  @Test
  void clientThatReadsSlowly_getsAll() throws Exception {
    long start = System.nanoTime();
    assertThat(read(1_000_000, client(3))).isEqualTo(1_000_000);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(PATIENCE);
  }

  @Test
  void clientThatStopsReading_isGivenUp() throws Exception {
    assertThat(read(1_000_000, client(20_000))).isZero();
  }
}
