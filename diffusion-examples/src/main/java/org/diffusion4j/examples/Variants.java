package org.diffusion4j.examples;

import com.google.common.collect.HashMultiset;
import com.google.common.collect.Multiset;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Texts that differ only in a part, such as a colour, are variants of one subject. */
final class Variants {

  /** A subject is drawn at least as often in an epoch. */
  private static final int LEAST = 3;

  private Variants() {}

  /**
   * Indices of texts for an epoch. Those of subjects with few variants occur several times, so that
   * subjects with many are not learned at the expense of the others.
   *
   * @param variant the part in which variants differ
   */
  static int[] balanced(List<String> texts, Pattern variant) {
    List<String> subjects =
        texts.stream().map(text -> variant.matcher(text).replaceAll("")).toList();
    Multiset<String> sizes = HashMultiset.create(subjects);
    return IntStream.range(0, texts.size())
        .flatMap(i -> Arrays.stream(repeated(i, sizes.count(subjects.get(i)))))
        .toArray();
  }

  private static int[] repeated(int index, int size) {
    int[] indices = new int[Math.max(1, (LEAST + size - 1) / size)];
    Arrays.fill(indices, index);
    return indices;
  }
}
