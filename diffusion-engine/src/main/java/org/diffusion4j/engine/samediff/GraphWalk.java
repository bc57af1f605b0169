package org.diffusion4j.engine.samediff;

import java.util.List;
import java.util.Set;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * The operations that a result of a graph needs, in order, with normalisations and activations as
 * one.
 */
public final class GraphWalk {

  private GraphWalk() {}

  /** What is done with each operation, or group of them. */
  public interface Visitor {

    /** An operation that belongs to no group. */
    void operation(Op op);

    void groupNorm(GroupNormMatch match);

    void layerNorm(LayerNormMatch match);

    void activation(ActivationMatch match);
  }

  /**
   * Visits all operations.
   *
   * @throws org.diffusion4j.engine.graph.UnplannableException if the graph has control dependencies
   */
  public static void visit(SameDiff graph, String result, Visitor visitor) {
    Ops ops = new Ops(graph, List.of(result), Set.of());
    Patterns patterns = new Patterns(ops, Set.of(result), Set.of());
    Claims claims = new Claims();
    ops.ordered().forEach(op -> claim(op, ops, patterns, claims, visitor));
    claims.run(ops, visitor::operation);
  }

  /** Claims the group that an operation identifies, if there is one. */
  static void claim(Op op, Ops ops, Patterns patterns, Claims claims, Visitor visitor) {
    switch (op.kind()) {
      case "reshape" ->
          patterns.groupNorm(op).ifPresent(m -> claims.add(m.group(), () -> visitor.groupNorm(m)));
      case "multiply" ->
          patterns
              .activation(op)
              .ifPresent(m -> claims.add(m.group(), () -> visitor.activation(m)));
      case "reduce_mean" ->
          LayerNormPattern.match(ops, patterns, op)
              .ifPresent(m -> claims.add(m.group(), () -> visitor.layerNorm(m)));
      default -> {}
    }
  }
}
