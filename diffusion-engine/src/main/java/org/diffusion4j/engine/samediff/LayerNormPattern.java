package org.diffusion4j.engine.samediff;

import java.util.List;
import java.util.Optional;

/**
 * Finds layer normalisations written in elementary operations, because ND4J's own has no epsilon:
 *
 * <pre>
 * centred = x.sub(x.mean(true, last))
 * variance = centred.mul(centred).mean(true, last)
 * y = centred.mul(rsqrt(variance.add(eps))).mul(gamma).add(beta)
 * </pre>
 */
final class LayerNormPattern {

  private LayerNormPattern() {}

  /** Matches by the mean of x. */
  static Optional<LayerNormMatch> match(Ops ops, Patterns patterns, Op mean) {
    Trail trail = new Trail(ops, mean);
    Op centred = trail.to("subtract");
    Op square = trail.to("multiply");
    Op variance = trail.to("reduce_mean");
    Op eps = trail.to("add_scalar");
    Op inverse = trail.to("rsqrt");
    Op normal = trail.to("multiply");
    Op scaled = trail.to("multiply");
    Op shifted = trail.to("add");
    int dimension = mean.reducedDimension();
    boolean matches =
        trail.holds(dimension >= 0 && variance.reducedDimension() == dimension)
            && trail.holds(centred.in().equals(List.of(mean.in().get(0), mean.result())))
            && trail.holds(square.in().equals(List.of(centred.result(), centred.result())))
            && trail.holds(normal.in().equals(List.of(centred.result(), inverse.result())))
            && trail.holds(scaled.in().get(0).equals(normal.result()))
            && trail.holds(shifted.in().get(0).equals(scaled.result()))
            && trail.holds(patterns.closed(trail.members, shifted));
    return matches
        ? Optional.of(
            new LayerNormMatch(
                new Group(trail.members, shifted),
                mean.in().get(0),
                scaled.in().get(1),
                shifted.in().get(1),
                eps.scalar(),
                dimension))
        : Optional.empty();
  }
}
