package org.diffusion4j.spark;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SocketPeersTest {

  private static final String HOST = "127.0.0.1";
  private static final String TOKEN = "secret";
  private static final Duration LONG = Duration.ofMinutes(2);

  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  /** What a process does. */
  private interface Process<T> {
    T run(SocketPeers peers) throws Exception;
  }

  private List<ServerSocket> servers(int size) throws IOException {
    List<ServerSocket> servers = new ArrayList<>();
    for (int r = 0; r < size; r++) {
      servers.add(SocketPeers.listen(HOST));
    }
    return servers;
  }

  private static List<String> addresses(List<ServerSocket> servers) {
    return servers.stream().map(server -> HOST + ":" + server.getLocalPort()).toList();
  }

  private <T> List<Future<T>> start(
      List<ServerSocket> servers, Duration timeout, Process<T> process) {
    List<String> addresses = addresses(servers);
    List<Future<T>> futures = new ArrayList<>();
    for (int r = 0; r < servers.size(); r++) {
      int rank = r;
      futures.add(
          threads.submit(
              () -> {
                try (SocketPeers peers =
                    SocketPeers.connect(rank, servers.get(rank), addresses, TOKEN, timeout)) {
                  return process.run(peers);
                }
              }));
    }
    return futures;
  }

  private static ByteBuffer[] messages(SocketPeers peers, int round, int padding) {
    ByteBuffer[] messages = new ByteBuffer[peers.size()];
    for (int q = 0; q < messages.length; q++) {
      String text = round + ":" + peers.rank() + ">" + q + "x".repeat(padding);
      messages[q] = ByteBuffer.wrap(text.getBytes(UTF_8));
    }
    return messages;
  }

  @Test
  void exchange_bringsEachMessageToItsProcess() throws Exception {
    List<Future<List<String>>> futures =
        start(
            servers(4),
            LONG,
            peers -> {
              List<String> texts = new ArrayList<>();
              for (int round = 0; round < 3; round++) {
                // More than sockets buffer, so that all must read while they write.
                for (ByteBuffer each : peers.exchange(messages(peers, round, 1_000_000 * round))) {
                  texts.add(UTF_8.decode(each.duplicate()).toString().replace("x", ""));
                }
              }
              return texts;
            });
    for (int rank = 0; rank < 4; rank++) {
      List<String> expected = new ArrayList<>();
      for (int round = 0; round < 3; round++) {
        for (int from = 0; from < 4; from++) {
          expected.add(round + ":" + from + ">" + rank);
        }
      }
      assertThat(futures.get(rank).get()).isEqualTo(expected);
    }
  }

  @Test
  void exchange_withAProcessThatHangs_namesItWithinTheTimeout() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    List<ServerSocket> servers = servers(2);
    String hanging = "process 1 at " + addresses(servers).get(1);
    List<Future<Long>> futures =
        start(
            servers,
            Duration.ofSeconds(2),
            peers -> {
              if (peers.rank() == 1) {
                end.await();
                return 0L;
              }
              long start = System.nanoTime();
              assertThatExceptionOfType(UncheckedIOException.class)
                  .isThrownBy(() -> peers.exchange(messages(peers, 0, 10_000_000)))
                  .withMessage(hanging + " must answer within 2000 ms but did not");
              return System.nanoTime() - start;
            });
    assertThat(futures.get(0).get()).isBetween(1_900_000_000L, 60_000_000_000L);
    end.countDown();
  }

  @Test
  void exchange_withAProcessThatIsLost_namesIt() throws Exception {
    List<ServerSocket> servers = servers(3);
    String lost = "process 2 at " + addresses(servers).get(2);
    List<Future<Integer>> futures =
        start(
            servers,
            LONG,
            peers -> {
              if (peers.rank() == 2) {
                return 2;
              }
              peers.exchange(messages(peers, 0, 0));
              return peers.rank();
            });
    assertThat(futures.get(2).get()).isEqualTo(2);
    List<String> messages = new ArrayList<>();
    for (Future<Integer> future : futures.subList(0, 2)) {
      assertThatExceptionOfType(ExecutionException.class)
          .isThrownBy(future::get)
          .satisfies(e -> messages.add(e.getCause().getMessage()));
    }
    assertThat(messages).anyMatch(m -> m.startsWith(lost + " must stay connected but is lost"));
  }

  @Test
  void connect_ignoresStrangers() throws Exception {
    List<ServerSocket> servers = servers(2);
    int port = servers.get(0).getLocalPort();
    for (String token : List.of("guess!", "longer than the secret", "")) {
      try (Socket stranger = new Socket(InetAddress.getByName(HOST), port)) {
        DataOutputStream out = new DataOutputStream(stranger.getOutputStream());
        out.writeInt(token.length());
        out.write(token.getBytes(UTF_8));
        out.writeInt(1);
      }
    }
    List<Future<Integer>> futures =
        start(servers, LONG, peers -> peers.exchange(messages(peers, 0, 0)).length);
    assertThat(futures.get(0).get()).isEqualTo(2);
    assertThat(futures.get(1).get()).isEqualTo(2);
  }

  @Test
  void connect_withoutTheOthers_namesOne() throws Exception {
    try (ServerSocket other = SocketPeers.listen(HOST)) {
      ServerSocket own = SocketPeers.listen(HOST);
      List<String> addresses = addresses(List.of(own, other));
      assertThatExceptionOfType(UncheckedIOException.class)
          .isThrownBy(
              () -> SocketPeers.connect(0, own, addresses, TOKEN, Duration.ofMillis(300)).close())
          .withMessage(
              "process 1 at " + addresses.get(1) + " must answer within 300 ms but did not");
    }
  }
}
