package org.diffusion4j.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.diffusion4j.training.DiffusionTrainer.Peers;
import org.jspecify.annotations.Nullable;

/**
 * Processes that are connected by sockets, each with each. A connection begins with the token of
 * the training; one without it is closed. A message is its length and its bytes. Not thread-safe.
 */
final class SocketPeers implements Peers, AutoCloseable {

  private static final int CHUNK = 1 << 16;

  private final int rank;
  private final List<String> addresses;
  private final Duration timeout;
  private final @Nullable Connection[] connections;
  private final ByteBuffer[] received;
  private final ExecutorService senders;
  private long nanos;
  private long bytes;

  private SocketPeers(int rank, List<String> addresses, Duration timeout) {
    this.rank = rank;
    this.addresses = List.copyOf(addresses);
    this.timeout = timeout;
    connections = new Connection[addresses.size()];
    received = new ByteBuffer[addresses.size()];
    Arrays.setAll(received, q -> ByteBuffer.allocate(0));
    senders =
        Executors.newCachedThreadPool(
            work -> {
              Thread thread = new Thread(work, "diffusion4j-sender");
              thread.setDaemon(true);
              return thread;
            });
  }

  /** A connection to another process. */
  private record Connection(Socket socket, DataInputStream in, DataOutputStream out) {

    static Connection of(Socket socket) throws IOException {
      socket.setTcpNoDelay(true);
      return new Connection(
          socket,
          new DataInputStream(socket.getInputStream()),
          new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), CHUNK)));
    }
  }

  /** Listens on an address of this machine. */
  static ServerSocket listen(String host) throws IOException {
    ServerSocket server = new ServerSocket();
    server.bind(new InetSocketAddress(InetAddress.getByName(host), 0));
    return server;
  }

  /**
   * Connects this process with all others.
   *
   * @param server listens on this process's address; closed at the end
   * @param addresses {@code host:port} of all processes, by rank
   * @param token known to the processes of this training alone
   * @param timeout of connecting, and of each exchange
   */
  static SocketPeers connect(
      int rank, ServerSocket server, List<String> addresses, String token, Duration timeout)
      throws IOException {
    SocketPeers peers = new SocketPeers(rank, addresses, timeout);
    boolean done = false;
    try (server) {
      long deadline = System.nanoTime() + timeout.toNanos();
      byte[] secret = token.getBytes(UTF_8);
      for (int q = 0; q < rank; q++) {
        peers.call(q, secret, deadline);
      }
      for (int missing = addresses.size() - 1 - rank; missing > 0; ) {
        missing -= peers.answer(server, secret, deadline) ? 1 : 0;
      }
      done = true;
      return peers;
    } finally {
      if (!done) {
        peers.close();
      }
    }
  }

  private void call(int other, byte[] secret, long deadline) throws IOException {
    String address = addresses.get(other);
    int colon = address.lastIndexOf(':');
    Socket socket = new Socket();
    boolean done = false;
    try {
      InetAddress host = InetAddress.getByName(address.substring(0, colon));
      int port = Integer.parseInt(address.substring(colon + 1));
      socket.connect(new InetSocketAddress(host, port), millis(deadline));
      Connection connection = Connection.of(socket);
      connection.out.writeInt(secret.length);
      connection.out.write(secret);
      connection.out.writeInt(rank);
      connection.out.flush();
      connections[other] = connection;
      done = true;
    } catch (SocketTimeoutException e) {
      throw late(other, e);
    } finally {
      if (!done) {
        socket.close();
      }
    }
  }

  /** Accepts a connection, if it is of a process of this training. */
  private boolean answer(ServerSocket server, byte[] secret, long deadline) throws IOException {
    Socket socket;
    try {
      server.setSoTimeout(millis(deadline));
      socket = server.accept();
    } catch (SocketTimeoutException e) {
      int missing = rank + 1;
      while (connections[missing] != null) {
        missing++;
      }
      throw late(missing, e);
    }
    boolean ours = false;
    try {
      socket.setSoTimeout(millis(deadline));
      Connection connection = Connection.of(socket);
      byte[] theirs = new byte[secret.length];
      if (connection.in.readInt() == secret.length) {
        connection.in.readFully(theirs);
        int other = MessageDigest.isEqual(secret, theirs) ? connection.in.readInt() : -1;
        if (other > rank && other < connections.length && connections[other] == null) {
          connections[other] = connection;
          ours = true;
        }
      }
    } catch (EOFException | SocketException | SocketTimeoutException e) {
      // Whoever called was no process of this training.
      ours = false;
    } finally {
      if (!ours) {
        socket.close();
      }
    }
    return ours;
  }

  private static int millis(long deadline) {
    return (int) Math.max(1, (deadline - System.nanoTime()) / 1_000_000);
  }

  private UncheckedIOException late(int other, @Nullable Exception cause) {
    SocketTimeoutException e =
        new SocketTimeoutException(
            named(other) + " must answer within " + timeout.toMillis() + " ms but did not");
    e.initCause(cause);
    return new UncheckedIOException(e.getMessage(), e);
  }

  private UncheckedIOException lost(int other, Throwable cause) {
    String message = named(other) + " must stay connected but is lost: " + cause.getMessage();
    return new UncheckedIOException(message, new IOException(message, cause));
  }

  private String named(int other) {
    return "process " + other + " at " + addresses.get(other);
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return addresses.size();
  }

  @Override
  public ByteBuffer[] exchange(ByteBuffer[] messages) {
    long start = System.nanoTime();
    long deadline = start + timeout.toNanos();
    boolean done = false;
    try {
      List<Future<?>> sent = new ArrayList<>();
      for (int i = 1; i < size(); i++) {
        // All begin with their neighbours, so that not all send to the same process.
        int other = (rank + i) % size();
        sent.add(senders.submit(() -> send(other, messages[other])));
      }
      received[rank] = messages[rank].duplicate();
      for (int i = 1; i < size(); i++) {
        int other = (rank + size() - i) % size();
        receive(other, deadline);
      }
      for (int i = 1; i < size(); i++) {
        await(sent.get(i - 1), (rank + i) % size(), deadline);
      }
      done = true;
      return received.clone();
    } finally {
      nanos += System.nanoTime() - start;
      if (!done) {
        // Others see at once that this process cannot go on.
        close();
      }
    }
  }

  private void send(int other, ByteBuffer message) {
    Connection connection = connection(other);
    try {
      ByteBuffer rest = message.duplicate();
      connection.out.writeInt(rest.remaining());
      connection.out.write(rest.array(), rest.arrayOffset() + rest.position(), rest.remaining());
      connection.out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void receive(int other, long deadline) {
    Connection connection = connection(other);
    try {
      byte[] head = new byte[Integer.BYTES];
      readFully(connection, head, head.length, other, deadline);
      int length = ByteBuffer.wrap(head).getInt();
      if (received[other].capacity() < length || received[other].isReadOnly()) {
        received[other] = ByteBuffer.allocate(length);
      }
      readFully(connection, received[other].array(), length, other, deadline);
      received[other].clear().limit(length);
      bytes += length;
    } catch (IOException e) {
      throw lost(other, e);
    }
  }

  private void readFully(Connection connection, byte[] into, int length, int other, long deadline)
      throws IOException {
    InputStream in = connection.in;
    for (int done = 0; done < length; ) {
      if (System.nanoTime() > deadline) {
        throw late(other, null);
      }
      connection.socket.setSoTimeout(millis(deadline));
      int n;
      try {
        n = in.read(into, done, length - done);
      } catch (SocketTimeoutException e) {
        throw late(other, e);
      }
      if (n < 0) {
        throw new EOFException("connection closed");
      }
      done += n;
    }
  }

  private void await(Future<?> sent, int other, long deadline) {
    try {
      sent.get(Math.max(1, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw late(other, e);
    } catch (ExecutionException | CancellationException e) {
      throw lost(other, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new java.io.InterruptedIOException("exchange interrupted"));
    }
  }

  private Connection connection(int other) {
    Connection connection = connections[other];
    if (connection == null) {
      throw new IllegalStateException(named(other) + " is not connected");
    }
    return connection;
  }

  /** The time spent in exchanges, waiting included. */
  long nanos() {
    return nanos;
  }

  /** The number of bytes received from others. */
  long bytesReceived() {
    return bytes;
  }

  @Override
  public void close() {
    senders.shutdownNow();
    for (Connection connection : connections) {
      if (connection != null) {
        try {
          connection.socket.close();
        } catch (IOException e) {
          // It is closed for this process all the same.
          assert connection.socket.isClosed() : e;
        }
      }
    }
  }
}
