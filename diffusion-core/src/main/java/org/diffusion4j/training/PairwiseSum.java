package org.diffusion4j.training;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/**
 * The sum of numbered terms in a fixed order: neighbours first, then pairs of pairs. So the sum of
 * each aligned block of terms does not depend on where the sums of its parts were computed.
 *
 * @param <T> a term, which an addition may change
 */
final class PairwiseSum<T> {

  /** Adds a term to another in place, and frees it. */
  @FunctionalInterface
  interface Addition<T> {
    void add(T sum, T term);
  }

  /**
   * The sum of a block of terms.
   *
   * @param first number of its first term, a multiple of the count
   * @param count number of terms, a power of two
   */
  record Block<T>(int first, int count, T sum) {

    boolean isLeftOf(Block<T> next) {
      return count == next.count && first % (2 * count) == 0;
    }
  }

  private final Addition<T> addition;

  /** The last one first. */
  private final Deque<Block<T>> blocks = new ArrayDeque<>();

  PairwiseSum(Addition<T> addition) {
    this.addition = addition;
  }

  /** Adds a block, which must follow the last one. */
  void add(Block<T> block) {
    Block<T> last = block;
    for (Block<T> left = blocks.peek(); left != null && left.isLeftOf(last); left = blocks.peek()) {
      last = joined(blocks.pop(), last);
    }
    blocks.push(last);
  }

  private Block<T> joined(Block<T> left, Block<T> right) {
    addition.add(left.sum, right.sum);
    return new Block<>(left.first, left.count + right.count, left.sum);
  }

  /** The sums of the largest blocks, in their order. */
  List<Block<T>> blocks() {
    List<Block<T>> inOrder = new ArrayList<>();
    for (Iterator<Block<T>> all = blocks.descendingIterator(); all.hasNext(); ) {
      inOrder.add(all.next());
    }
    return inOrder;
  }

  /**
   * The sum of all terms; this object is then empty.
   *
   * @throws NoSuchElementException if there are none
   */
  T total() {
    Block<T> last = blocks.pop();
    while (!blocks.isEmpty()) {
      last = joined(blocks.pop(), last);
    }
    return last.sum;
  }

  /** Removes all terms. */
  void clear() {
    blocks.clear();
  }

  /**
   * The numbers and counts of the blocks that a range of terms is summed to.
   *
   * @param from the first term
   * @param to the end of the range
   * @return {first, count} of each
   */
  static List<int[]> ofRange(int from, int to) {
    PairwiseSum<Boolean> sum = new PairwiseSum<>((a, b) -> {});
    for (int i = from; i < to; i++) {
      sum.add(new Block<>(i, 1, true));
    }
    return sum.blocks().stream().map(block -> new int[] {block.first, block.count}).toList();
  }
}
