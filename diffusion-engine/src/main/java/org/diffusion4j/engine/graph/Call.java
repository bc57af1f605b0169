package org.diffusion4j.engine.graph;

import org.jspecify.annotations.Nullable;

/**
 * What belongs to one call of a graph beside its arrays.
 *
 * @param losses of a call for gradients
 * @param masks of a call that drops
 */
public record Call(@Nullable Losses losses, @Nullable DropoutMasks masks) {

  /** A call for a result. */
  public static final Call FORWARD = new Call(null, null);
}
