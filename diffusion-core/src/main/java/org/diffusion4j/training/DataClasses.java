package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;

/** Compares data by the names of their classes. */
final class DataClasses {

  private static final int NAME = 30;
  private static final int NAMES = 60;
  private static final String WAY_OUT = "; its reader's withClassNames sets them";

  private DataClasses() {}

  /** The class names in the order of the labels; empty if unknown. */
  static List<String> of(DataSetIterator data) {
    List<@Nullable String> names;
    try {
      names = data.getLabels();
    } catch (RuntimeException e) {
      // Iterators without labels may throw this.
      return List.of();
    }
    return names == null || names.stream().anyMatch(Objects::isNull)
        ? List.of()
        : new ArrayList<>(names);
  }

  /**
   * Checks that data have as many classes as the model, if known.
   *
   * @throws IllegalArgumentException naming the classes if not
   */
  static void requireFit(String what, List<String> names, SameDiffDenoiser model) {
    if (!names.isEmpty() && !takesAnyLabel(model) && names.size() != model.classes()) {
      throw new IllegalArgumentException(
          what
              + " must have the "
              + model.classes()
              + " classes of the model but has "
              + names.size()
              + ": "
              + some(names)
              + "; set them with its reader's withClassNames, or build the model with "
              + names.size());
    }
  }

  /** Whether labels are timesteps, so that their number is unlimited. */
  static boolean takesAnyLabel(SameDiffDenoiser model) {
    return model.takes().classes() == Condition.Takes.ANY;
  }

  /**
   * Checks that labels have the same meaning in two places, if known.
   *
   * @throws IllegalArgumentException naming the classes that differ
   */
  static void requireSame(String what, List<String> names, String other, List<String> expected) {
    if (names.isEmpty() || expected.isEmpty() || names.equals(expected)) {
      return;
    }
    String must = what + " must have the classes of " + other + " in their order but ";
    Set<String> missing = new LinkedHashSet<>(expected);
    names.forEach(missing::remove);
    Set<String> surplus = new LinkedHashSet<>(names);
    expected.forEach(surplus::remove);
    if (missing.isEmpty() && surplus.isEmpty()) {
      int first = 0;
      int both = Math.min(names.size(), expected.size());
      while (first < both - 1 && names.get(first).equals(expected.get(first))) {
        first++;
      }
      throw new IllegalArgumentException(
          must
              + "class "
              + first
              + " is "
              + Shown.text(names.get(first), NAME)
              + " instead of "
              + Shown.text(expected.get(first), NAME)
              + WAY_OUT);
    }
    throw new IllegalArgumentException(
        must
            + (missing.isEmpty() ? "" : "lacks " + some(missing))
            + (missing.isEmpty() || surplus.isEmpty() ? "" : " and ")
            + (surplus.isEmpty() ? "" : "has in addition " + some(surplus))
            + WAY_OUT);
  }

  private static String some(Collection<String> names) {
    return Shown.text(Shown.list(names), NAMES);
  }
}
