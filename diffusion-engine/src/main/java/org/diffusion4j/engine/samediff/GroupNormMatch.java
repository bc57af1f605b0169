package org.diffusion4j.engine.samediff;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A group norm, with its neighbours: the names of its inputs, and its settings.
 *
 * @param group the operations
 * @param x the image
 * @param bias added to the image before, one value for each sample and channel; or null
 * @param gamma one factor for each channel
 * @param beta one summand for each channel
 * @param scale what the result is multiplied by, one value for each sample and channel; or null
 * @param shift what is then added, one value for each sample and channel; or null
 * @param groups number of groups
 * @param groupSize number of values of a sample in a group
 * @param shape of the image, with -1 for the batch
 * @param eps added to the variance
 * @param silu whether a SiLU follows
 */
public record GroupNormMatch(
    Group group,
    String x,
    @Nullable String bias,
    String gamma,
    String beta,
    @Nullable String scale,
    @Nullable String shift,
    int groups,
    long groupSize,
    List<Long> shape,
    double eps,
    boolean silu) {

  public GroupNormMatch {
    shape = List.copyOf(shape);
  }

  /** The same norm with more before or after it. */
  GroupNormMatch extended(
      Group to,
      String from,
      @Nullable String added,
      @Nullable String scaledBy,
      @Nullable String shiftedBy,
      boolean activated) {
    return new GroupNormMatch(
        to, from, added, gamma, beta, scaledBy, shiftedBy, groups, groupSize, shape, eps,
        activated);
  }
}
