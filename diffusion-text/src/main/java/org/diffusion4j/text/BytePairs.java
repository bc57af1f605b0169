package org.diffusion4j.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) of the bytes of a word, whose last
 * byte has symbols of its own.
 *
 * <p>As long as any two neighbouring symbols can be merged, all pairs of the lowest rank are, from
 * the left to the right. A queue of the pairs keeps the time proportional to n log n.
 */
final class BytePairs {

  /** What the symbols of the end of a word end with. */
  static final String END = "</w>";

  private static final String[] BYTES = bytes();

  private final Map<Long, Merge> merges;

  /** The symbols of the 256 bytes inside a word, then of those that end one. */
  private final int[] symbolsOfBytes;

  /** The id of each symbol. */
  private final int[] ids;

  private record Merge(int rank, int symbol) {}

  private BytePairs(Map<Long, Merge> merges, int[] symbolsOfBytes, int[] ids) {
    this.merges = merges;
    this.symbolsOfBytes = symbolsOfBytes;
    this.ids = ids;
  }

  /**
   * @param vocabulary the ids of the symbols
   * @param pairs pairs of symbols, the first of which is merged first
   * @param unknown the id of symbols that the vocabulary lacks
   */
  static BytePairs of(Map<String, Integer> vocabulary, List<String[]> pairs, int unknown) {
    var symbols = new HashMap<String, Integer>();
    int[] symbolsOfBytes = new int[512];
    for (int i = 0; i < 512; i++) {
      symbolsOfBytes[i] = symbol(symbols, i < 256 ? BYTES[i] : BYTES[i - 256] + END);
    }
    var merges = new HashMap<Long, Merge>();
    for (int rank = 0; rank < pairs.size(); rank++) {
      String[] pair = pairs.get(rank);
      long key = key(symbol(symbols, pair[0]), symbol(symbols, pair[1]));
      merges.put(key, new Merge(rank, symbol(symbols, pair[0] + pair[1])));
    }
    int[] ids = new int[symbols.size()];
    symbols.forEach((text, symbol) -> ids[symbol] = vocabulary.getOrDefault(text, unknown));
    return new BytePairs(merges, symbolsOfBytes, ids);
  }

  private static int symbol(Map<String, Integer> symbols, String text) {
    Integer known = symbols.putIfAbsent(text, symbols.size());
    return known == null ? symbols.size() - 1 : known;
  }

  private static long key(int left, int right) {
    return (long) left << 32 | right;
  }

  /**
   * A printable character for each byte: itself where it is one in Latin-1, otherwise the next from
   * U+0100 on. Files of vocabularies write bytes so.
   */
  private static String[] bytes() {
    var bytes = new String[256];
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b > ' ' && b <= '~') || (b > 0xA0 && b != 0xAD);
      bytes[b] = Character.toString(printable ? b : next++);
    }
    return bytes;
  }

  /** The character of a byte. */
  static String symbol(int b) {
    return BYTES[b];
  }

  /** Gives the ids of a piece of text, which must not be empty. */
  void encode(String piece, IntConsumer consumer) {
    new Word(piece.getBytes(StandardCharsets.UTF_8)).encode(consumer);
  }

  /** The symbols of one word as a list of their positions, linked both ways. */
  private final class Word {

    private static final int DEAD = -1;

    private final int[] symbols;
    private final int[] before;
    private final int[] after;
    private final int length;

    /** Ranks in the upper and positions in the lower 32 bits; may hold pairs that are gone. */
    private final PriorityQueue<Long> queue = new PriorityQueue<>();

    Word(byte[] bytes) {
      length = bytes.length;
      symbols = new int[length];
      before = new int[length];
      after = new int[length];
      for (int i = 0; i < length; i++) {
        symbols[i] = symbolsOfBytes[(bytes[i] & 0xFF) + (i == length - 1 ? 256 : 0)];
        before[i] = i - 1;
        after[i] = i + 1;
      }
      for (int i = 0; i < length; i++) {
        enqueue(i);
      }
    }

    void encode(IntConsumer consumer) {
      var round = new ArrayList<Integer>();
      while (!queue.isEmpty()) {
        int rank = (int) (queue.peek() >> 32);
        // What a round creates has to wait, even if its rank is lower.
        round.clear();
        while (!queue.isEmpty() && (int) (queue.peek() >> 32) == rank) {
          round.add((int) (long) queue.poll());
        }
        for (int position : round) {
          Merge merge = mergeAt(position);
          if (merge != null && merge.rank == rank) {
            merge(position, merge);
          }
        }
      }
      for (int i = 0; i < length; i = after[i]) {
        consumer.accept(ids[symbols[i]]);
      }
    }

    private @Nullable Merge mergeAt(int position) {
      return position < 0 || symbols[position] == DEAD || after[position] == length
          ? null
          : merges.get(key(symbols[position], symbols[after[position]]));
    }

    private void enqueue(int position) {
      Merge merge = mergeAt(position);
      if (merge != null) {
        queue.add((long) merge.rank << 32 | position);
      }
    }

    private void merge(int position, Merge merge) {
      int gone = after[position];
      symbols[position] = merge.symbol;
      symbols[gone] = DEAD;
      after[position] = after[gone];
      if (after[gone] < length) {
        before[after[gone]] = position;
      }
      enqueue(before[position]);
      enqueue(position);
    }
  }
}
