package org.diffusion4j.training;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.training.DiffusionTrainer.Peers;
import org.diffusion4j.training.PairwiseSum.Block;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the processes of one training tell each other in a step. Each computes some of the step's
 * batches, in order; each adds up one slice of the gradient over all batches, in the order of
 * {@link PairwiseSum}, and gives it to the others. So all have the sum that a single process would
 * have, and get no more than about twice the gradient's bytes for it.
 */
final class Exchange {

  private static final int SHOWN = 60;

  private final Peers peers;
  private final int batches;
  private final ByteBuffer[] outgoing;

  /**
   * @param batches number of batches of a step, at least one for each process
   */
  Exchange(Peers peers, int batches) {
    if (peers.rank() < 0 || peers.rank() >= peers.size()) {
      throw new IllegalArgumentException(
          "rank must be in [0, " + peers.size() + ") but was " + peers.rank());
    }
    if (batches < peers.size()) {
      throw new IllegalArgumentException(
          "batches of a step must be at least one for each of "
              + peers.size()
              + " processes but were "
              + batches);
    }
    this.peers = peers;
    this.batches = batches;
    outgoing = new ByteBuffer[peers.size()];
    Arrays.setAll(outgoing, q -> ByteBuffer.allocate(0));
  }

  /** The first batch of this process in a step. */
  int first() {
    return first(peers.rank());
  }

  /** The end of the batches of this process. */
  int end() {
    return first(peers.rank() + 1);
  }

  private int first(int rank) {
    return Math.toIntExact((long) rank * batches / peers.size());
  }

  /**
   * Checks that all processes train in the same way.
   *
   * @param facts what must be equal, by name
   * @throws IllegalArgumentException naming the fact that is not
   */
  void agree(Map<String, String> facts) {
    byte[] text = text(facts);
    ByteBuffer[] messages = new ByteBuffer[peers.size()];
    Arrays.setAll(messages, q -> ByteBuffer.wrap(text));
    ByteBuffer[] received = peers.exchange(messages);
    for (int r = 0; r < received.length; r++) {
      requireSame(facts, facts(received[r]), r);
    }
  }

  private static byte[] text(Map<String, String> facts) {
    List<String> words = new ArrayList<>();
    facts.forEach((name, value) -> words.addAll(List.of(name, value)));
    return String.join("\0", words).getBytes(UTF_8);
  }

  private static Map<String, String> facts(ByteBuffer message) {
    String[] words = UTF_8.decode(message).toString().split("\0", -1);
    Map<String, String> facts = new TreeMap<>();
    for (int i = 0; i + 1 < words.length; i += 2) {
      facts.put(words[i], words[i + 1]);
    }
    return facts;
  }

  private void requireSame(Map<String, String> ours, Map<String, String> theirs, int rank) {
    TreeSet<String> names = new TreeSet<>(ours.keySet());
    names.addAll(theirs.keySet());
    for (String name : names) {
      String here = ours.getOrDefault(name, "missing");
      String there = theirs.getOrDefault(name, "missing");
      if (!here.equals(there)) {
        throw new IllegalArgumentException(
            "processes that train one model must have the same "
                + Shown.text(name)
                + " but it is "
                + Shown.text(here, SHOWN)
                + " in process "
                + peers.rank()
                + " and "
                + Shown.text(there, SHOWN)
                + " in process "
                + rank);
      }
    }
  }

  /**
   * Sums gradients over all processes, and tells all the losses.
   *
   * @param step number of the step
   * @param sizes number of samples of each batch
   * @param means loss of each batch; this process has set those of its own
   * @param losses loss of each sample, likewise
   * @param gradients the sums of the process's batches; their arrays are overwritten
   * @return the sum of all batches, in arrays of {@code gradients}
   */
  Map<String, INDArray> sum(
      long step, int[] sizes, double[] means, double[] losses, GradientSum gradients) {
    List<Block<Map<String, INDArray>>> own = gradients.blocks();
    Map<String, INDArray> total = own.get(0).sum();
    long length = total.values().stream().mapToLong(INDArray::length).sum();
    ByteBuffer[] received = peers.exchange(parts(step, sizes, means, losses, own, length));
    PairwiseSum<float[]> sum = new PairwiseSum<>(Exchange::add);
    int n = Math.toIntExact(bound(peers.rank() + 1, length) - bound(peers.rank(), length));
    for (int r = 0; r < received.length; r++) {
      readPart(r, received[r].order(ByteOrder.LITTLE_ENDIAN), step, sizes, means, losses, n, sum);
    }
    readSlices(peers.exchange(slices(sum.total())), total.values(), length);
    return total;
  }

  /** The start of the slice that a process adds up. */
  private long bound(int rank, long length) {
    return rank * length / peers.size();
  }

  /** For each process its slice of our sums, with our losses. */
  private ByteBuffer[] parts(
      long step,
      int[] sizes,
      double[] means,
      double[] losses,
      List<Block<Map<String, INDArray>>> own,
      long length) {
    ByteBuffer[] messages = new ByteBuffer[peers.size()];
    int samples = sum(sizes, first(), end());
    int before = sum(sizes, 0, first());
    for (int q = 0; q < messages.length; q++) {
      long from = bound(q, length);
      long to = bound(q + 1, length);
      ByteBuffer message = outgoing(q, partBytes(peers.rank(), samples, to - from));
      message.putLong(step);
      for (int i = first(); i < end(); i++) {
        message.putDouble(means[i]);
      }
      for (int i = 0; i < samples; i++) {
        message.putDouble(losses[before + i]);
      }
      FloatBuffer floats = message.asFloatBuffer();
      for (Block<Map<String, INDArray>> block : own) {
        eachPiece(block.sum().values(), from, to, floats::put);
      }
      messages[q] = message.rewind();
    }
    return messages;
  }

  private int partBytes(int rank, int samples, long slice) {
    int count = first(rank + 1) - first(rank);
    int blocks = PairwiseSum.ofRange(first(rank), first(rank + 1)).size();
    long bytes = Long.BYTES + (long) Double.BYTES * (count + samples);
    bytes += NativeMemory.product(blocks, slice, Float.BYTES);
    if (bytes > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "gradients for one process must take less than 2^31 bytes but take " + bytes);
    }
    return (int) bytes;
  }

  private void readPart(
      int rank,
      ByteBuffer message,
      long step,
      int[] sizes,
      double[] means,
      double[] losses,
      int slice,
      PairwiseSum<float[]> sum) {
    int from = first(rank);
    int to = first(rank + 1);
    int samples = sum(sizes, from, to);
    requireBytes(rank, message, partBytes(rank, samples, slice));
    long theirs = message.getLong();
    if (theirs != step) {
      throw new IllegalStateException(
          "processes must be at the same step but process "
              + peers.rank()
              + " is at "
              + step
              + " and process "
              + rank
              + " at "
              + theirs);
    }
    for (int i = from; i < to; i++) {
      means[i] = message.getDouble();
    }
    int before = sum(sizes, 0, from);
    for (int i = 0; i < samples; i++) {
      losses[before + i] = message.getDouble();
    }
    FloatBuffer floats = message.asFloatBuffer();
    for (int[] block : PairwiseSum.ofRange(from, to)) {
      float[] values = new float[slice];
      floats.get(values);
      sum.add(new Block<>(block[0], block[1], values));
    }
  }

  private static void requireBytes(int rank, ByteBuffer message, long expected) {
    if (message.remaining() != expected) {
      throw new IllegalStateException(
          "process "
              + rank
              + " must send "
              + expected
              + " bytes but sent "
              + message.remaining()
              + "; are its model, settings and data the same?");
    }
  }

  private static int sum(int[] sizes, int from, int to) {
    return Arrays.stream(sizes, from, to).sum();
  }

  private static void add(float[] sum, float[] term) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += term[i];
    }
  }

  private ByteBuffer[] slices(float[] slice) {
    ByteBuffer message = outgoing(peers.rank(), slice.length * Float.BYTES);
    message.asFloatBuffer().put(slice);
    ByteBuffer[] messages = new ByteBuffer[peers.size()];
    Arrays.setAll(messages, q -> message.duplicate());
    return messages;
  }

  private void readSlices(ByteBuffer[] received, Collection<INDArray> into, long length) {
    for (int r = 0; r < received.length; r++) {
      long from = bound(r, length);
      long to = bound(r + 1, length);
      requireBytes(r, received[r], (to - from) * Float.BYTES);
      FloatBuffer floats = received[r].order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      eachPiece(
          into,
          from,
          to,
          piece -> {
            FloatBuffer part = floats.slice(floats.position(), piece.remaining());
            floats.position(floats.position() + piece.remaining());
            piece.put(part);
          });
    }
  }

  private interface PieceUse {
    void use(FloatBuffer piece);
  }

  /** Calls a function for the part of each array that lies in a range of all their values. */
  private static void eachPiece(Collection<INDArray> arrays, long from, long to, PieceUse use) {
    long start = 0;
    for (INDArray array : arrays) {
      long end = start + array.length();
      long first = Math.max(from, start);
      long last = Math.min(to, end);
      if (first < last) {
        use.use(Address.floats(Address.of(array) + (first - start) * Float.BYTES, last - first));
      }
      start = end;
    }
  }

  /** A message to a process; its memory is used again in the next step. */
  private ByteBuffer outgoing(int rank, int bytes) {
    if (outgoing[rank].capacity() < bytes) {
      outgoing[rank] = ByteBuffer.allocate(bytes);
    }
    return outgoing[rank].clear().limit(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
