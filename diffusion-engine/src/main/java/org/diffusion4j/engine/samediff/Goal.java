package org.diffusion4j.engine.samediff;

import com.google.common.collect.ImmutableSet;
import java.util.Collection;
import org.diffusion4j.engine.graph.Precision;

/**
 * What a plan computes.
 *
 * @param results the names of what is computed; of gradients, the one that the loss is a function
 *     of
 * @param precision of convolutions
 * @param gradients whether the gradients of a loss of the result are computed
 * @param of what the gradients are wanted of
 * @param drops whether dropouts drop
 */
public record Goal(
    ImmutableSet<String> results,
    Precision precision,
    boolean gradients,
    ImmutableSet<String> of,
    boolean drops) {

  /** Some results. */
  public static Goal forward(Collection<String> names, Precision precision) {
    return new Goal(ImmutableSet.copyOf(names), precision, false, ImmutableSet.of(), false);
  }

  /** The gradients of a loss of a result. */
  public static Goal gradients(String result, Collection<String> of, boolean drops) {
    return new Goal(
        ImmutableSet.of(result), Precision.FLOAT32, true, ImmutableSet.copyOf(of), drops);
  }
}
