package org.diffusion4j.engine.graph;

import org.jspecify.annotations.Nullable;

/**
 * The state of one call of a graph, except its arrays.
 *
 * @param losses the losses of a call for gradients, or null
 * @param masks the masks of a call with dropout, or null
 */
public record Call(@Nullable Losses losses, @Nullable DropoutMasks masks) {

  /** A call for a result. */
  public static final Call FORWARD = new Call(null, null);
}
