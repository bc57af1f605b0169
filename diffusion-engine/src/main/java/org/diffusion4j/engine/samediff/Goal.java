package org.diffusion4j.engine.samediff;

import com.google.common.collect.ImmutableSet;
import java.util.Collection;
import org.diffusion4j.engine.graph.Precision;

/**
 * What a plan computes.
 *
 * @param results the names of the results; for gradients, the input of the loss
 * @param precision of convolutions
 * @param gradients whether the gradients of a loss of the result are computed
 * @param of names whose gradients are wanted
 * @param drops whether dropout is active
 */
public record Goal(
    ImmutableSet<String> results,
    Precision precision,
    boolean gradients,
    ImmutableSet<String> of,
    boolean drops) {

  /** The computation of results. */
  public static Goal forward(Collection<String> names, Precision precision) {
    return new Goal(ImmutableSet.copyOf(names), precision, false, ImmutableSet.of(), false);
  }

  /** The gradients of a loss of a result. */
  public static Goal gradients(String result, Collection<String> of, boolean drops) {
    return new Goal(
        ImmutableSet.of(result), Precision.FLOAT32, true, ImmutableSet.copyOf(of), drops);
  }
}
