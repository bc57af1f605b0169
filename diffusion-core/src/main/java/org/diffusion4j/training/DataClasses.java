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

/** The names of the classes that labels count, by which data are compared. */
final class DataClasses {

  private static final int NAME = 30;
  private static final int NAMES = 60;
  private static final String WAY_OUT = "; its reader's withClassNames sets them";

  private DataClasses() {}

  /** Those of some data in the order of their labels; empty if it does not know them. */
  static List<String> of(DataSetIterator data) {
    List<@Nullable String> names;
    try {
      names = data.getLabels();
    } catch (RuntimeException e) {
      // Iterators that have none may say so like this.
      return List.of();
    }
    return names == null || names.stream().anyMatch(Objects::isNull)
        ? List.of()
        : new ArrayList<>(names);
  }

  /**
   * Checks that data has as many classes as a model, as far as it knows.
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
              + "; choose them with its reader's withClassNames, or build the model with "
              + names.size());
    }
  }

  /** Whether labels are timesteps, of which a model knows no number. */
  static boolean takesAnyLabel(SameDiffDenoiser model) {
    return model.takes().classes() == Condition.Takes.ANY;
  }

  /**
   * Checks that labels mean the same in two places, as far as they know.
   *
   * @throws IllegalArgumentException naming the classes in which they differ
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
            + (surplus.isEmpty() ? "" : "has besides " + some(surplus))
            + WAY_OUT);
  }

  private static String some(Collection<String> names) {
    return Shown.text(Shown.list(names), NAMES);
  }
}
