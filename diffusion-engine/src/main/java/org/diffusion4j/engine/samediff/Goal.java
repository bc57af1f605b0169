package org.diffusion4j.engine.samediff;

import com.google.common.collect.ImmutableSet;
import java.util.Collection;
import org.diffusion4j.engine.graph.Precision;

/**
 * What a plan computes.
 *
 * @param result the name of what is computed, or of what the loss is a function of
 * @param precision of convolutions
 * @param gradients whether the gradients of a loss of the result are computed
 * @param of what the gradients are wanted of
 * @param drops whether dropouts drop
 */
public record Goal(
    String result, Precision precision, boolean gradients, ImmutableSet<String> of, boolean drops) {

  public static Goal result(String name, Precision precision) {
    return new Goal(name, precision, false, ImmutableSet.of(), false);
  }

  public static Goal gradients(String name, Collection<String> of, boolean drops) {
    return new Goal(name, Precision.FLOAT32, true, ImmutableSet.copyOf(of), drops);
  }
}
