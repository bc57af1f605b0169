package org.diffusion4j.plan;

import org.jspecify.annotations.Nullable;

/**
 * What belongs to one call of a plan beside its arrays.
 *
 * @param losses of a call for gradients
 * @param masks of a call that drops
 */
record Call(@Nullable Losses losses, @Nullable DropoutMasks masks) {

  /** A call for a result. */
  static final Call FORWARD = new Call(null, null);
}
