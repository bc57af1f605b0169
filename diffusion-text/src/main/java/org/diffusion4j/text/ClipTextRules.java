package org.diffusion4j.text;

import org.diffusion4j.text.ClipTextModel.Config;
import org.jspecify.annotations.Nullable;

/** What a {@link ClipTextModel} requires of its configuration and its inputs. */
final class ClipTextRules {

  /** The causal mask takes the square of this. */
  private static final int MAX_POSITIONS = 4096;

  private static final int MAX_LAYERS = 1000;

  private ClipTextRules() {}

  static void check(
      int vocabulary,
      int positions,
      int width,
      int inner,
      int layers,
      int heads,
      double normEps,
      int projection) {
    requirePositive("vocabulary", vocabulary);
    requireWithin("positions", positions, 1, MAX_POSITIONS);
    requirePositive("width", width);
    requirePositive("inner width", inner);
    requireWithin("layers", layers, 1, MAX_LAYERS);
    requirePositive("heads", heads);
    require(
        width % heads == 0,
        "width must be a multiple of the heads but was " + width + " for " + heads + " heads");
    require(
        normEps > 0 && normEps < Double.POSITIVE_INFINITY,
        "norm epsilon must be positive but was " + normEps);
    require(projection >= 0, "projection must be at least 0 but was " + projection);
  }

  static void requireIds(int[][] ids, Config config) {
    require(ids.length > 0, "texts must be at least 1 but were 0");
    requireWithin("ids of a text", ids[0].length, 1, config.positions());
    for (int[] text : ids) {
      require(
          text.length == ids[0].length,
          "texts must all have as many ids as the first, "
              + ids[0].length
              + ", but one has "
              + text.length);
      for (int id : text) {
        requireWithin("ids", id, 0, config.vocabulary() - 1);
      }
    }
  }

  static void requireMask(int @Nullable [][] mask, int[][] ids, Config config) {
    if (mask == null) {
      return;
    }
    require(config.masked(), "mask must be null because the model is not masked (Config.withMask)");
    require(
        mask.length == ids.length,
        "mask must have one row per text, " + ids.length + ", but has " + mask.length);
    for (int[] row : mask) {
      require(
          row.length == ids[0].length,
          "rows of the mask must have " + ids[0].length + " values but one has " + row.length);
      for (int value : row) {
        requireWithin("values of the mask", value, 0, 1);
      }
    }
  }

  static void requireSkip(int skip, Config config) {
    requireWithin("skipped blocks", skip, 0, config.layers());
  }

  private static void requirePositive(String what, int value) {
    require(value > 0, what + " must be at least 1 but was " + value);
  }

  private static void requireWithin(String what, int value, int least, int most) {
    require(
        value >= least && value <= most,
        what + " must be in [" + least + ", " + most + "] but was " + value);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
