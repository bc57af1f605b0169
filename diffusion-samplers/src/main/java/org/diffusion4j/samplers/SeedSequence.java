package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;

/**
 * numpy's {@code SeedSequence}: O'Neill's hash of seeds of any length into seeds that have nothing
 * in common (seed_seq_fe, 2015).
 */
final class SeedSequence {

  private static final int MULTIPLIER_IN = 0x931e8875;
  private static final int MULTIPLIER_OUT = 0x58f38ded;
  private static final int LEFT = 0xca01f9dd;
  private static final int RIGHT = 0x4973f715;

  private final int[] pool;
  private int hash = 0x43b0d7e5;

  /**
   * @param entropy at least 0
   * @param size of the pool, in words
   * @param key tells sequences of the same entropy apart; may be empty
   */
  SeedSequence(long entropy, int size, long... key) {
    List<Integer> words = words(entropy);
    while (key.length > 0 && words.size() < size) {
      words.add(0);
    }
    for (long part : key) {
      words.addAll(words(part));
    }
    pool = new int[size];
    for (int i = 0; i < size; i++) {
      pool[i] = hashed(i < words.size() ? words.get(i) : 0);
    }
    for (int from = 0; from < size; from++) {
      for (int to = 0; to < size; to++) {
        if (from != to) {
          pool[to] = mixed(pool[to], hashed(pool[from]));
        }
      }
    }
    for (int from = size; from < words.size(); from++) {
      for (int to = 0; to < size; to++) {
        pool[to] = mixed(pool[to], hashed(words.get(from)));
      }
    }
  }

  /** The first words of the sequence. */
  int[] state(int count) {
    int[] state = new int[count];
    int next = 0x8b51f9dd;
    for (int i = 0; i < count; i++) {
      int value = pool[i % pool.length] ^ next;
      next *= MULTIPLIER_OUT;
      state[i] = folded(value * next);
    }
    return state;
  }

  /** Words of 32 bits, the lowest first, at least one. */
  private static List<Integer> words(long value) {
    List<Integer> words = new ArrayList<>(List.of((int) value));
    if (value >>> Integer.SIZE != 0) {
      words.add((int) (value >>> Integer.SIZE));
    }
    return words;
  }

  private int hashed(int value) {
    int mixed = value ^ hash;
    hash *= MULTIPLIER_IN;
    return folded(mixed * hash);
  }

  private static int mixed(int x, int y) {
    return folded(LEFT * x - RIGHT * y);
  }

  private static int folded(int value) {
    return value ^ value >>> 16;
  }
}
