package org.diffusion4j.data;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.diffusion4j.internal.common.Shown;

/** Sorts class names, and maps the classes of one source to those of another. */
final class ClassNames {

  private static final Pattern WHOLE_NUMBER = Pattern.compile("[+-]?\\d{1,18}");
  private static final int MOST_SHOWN = 20;

  private ClassNames() {}

  /**
   * The distinct names in order: numeric order if all are whole numbers (equal numbers as text),
   * otherwise as text.
   */
  static List<String> sorted(Collection<String> names) {
    List<String> distinct = names.stream().distinct().toList();
    boolean whole = distinct.stream().allMatch(name -> WHOLE_NUMBER.matcher(name).matches());
    Comparator<String> byText = Comparator.naturalOrder();
    Comparator<String> byNumber = Comparator.comparingLong(Long::parseLong);
    return distinct.stream().sorted(whole ? byNumber.thenComparing(byText) : byText).toList();
  }

  /** The index of each name. */
  static Map<String, Integer> indices(List<String> names) {
    Map<String, Integer> indices = new HashMap<>();
    for (String name : names) {
      if (indices.put(name, indices.size()) != null) {
        throw new IllegalArgumentException(
            "class names must differ but '" + Shown.text(name) + "' occurs twice");
      }
    }
    return indices;
  }

  /**
   * Converts labels to the order of other class names.
   *
   * @param labels indices into {@code names}
   * @param wanted the other names; there may be more
   * @param place the location of a class, such as its folder, for messages
   * @return indices into {@code wanted}
   * @throws IllegalArgumentException if a class with a sample is not among them
   */
  static int[] relabel(
      int[] labels, List<String> names, List<String> wanted, UnaryOperator<String> place) {
    Map<String, Integer> indices = indices(wanted);
    int[] changed = new int[labels.length];
    for (int i = 0; i < labels.length; i++) {
      String name = names.get(labels[i]);
      Integer index = indices.get(name);
      if (index == null) {
        throw new IllegalArgumentException(
            place.apply(name)
                + ": class must be one of ["
                + Shown.list(wanted)
                + "] but was '"
                + Shown.text(name)
                + "'");
      }
      changed[i] = index;
    }
    return changed;
  }

  /** The first twenty names, such as {@code 0 = cat, 1 = dog}. */
  static String show(List<String> names) {
    String first =
        IntStream.range(0, Math.min(MOST_SHOWN, names.size()))
            .mapToObj(i -> i + " = " + Shown.text(names.get(i)))
            .collect(Collectors.joining(", "));
    return names.size() <= MOST_SHOWN
        ? first
        : first + " and " + (names.size() - MOST_SHOWN) + " more";
  }
}
