package org.diffusion4j.engine.samediff;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Precision;

/** Converts the operations of a SameDiff graph to nodes: groups first, then single operations. */
final class GraphReader {

  private final GroupReader groups;

  GraphReader(Reading reading, Nd4jOp.LocalGradient localGradient, Precision precision) {
    this(reading, localGradient, precision, List.of(), false);
  }

  /**
   * @param reading receives the nodes
   * @param localGradient differentiates operations that have no node of their own
   * @param precision of convolutions
   * @param dropouts placeholders that stand for masks of dropout
   * @param drops whether to drop or to keep everything
   */
  GraphReader(
      Reading reading,
      Nd4jOp.LocalGradient localGradient,
      Precision precision,
      List<String> dropouts,
      boolean drops) {
    ImageOps images = new ImageOps(reading, precision);
    Nd4jReader nd4j = new Nd4jReader(reading, localGradient);
    OpReader single = new OpReader(reading, images, nd4j, dropouts, drops);
    groups = new GroupReader(reading, single, images);
  }

  /** Adds the nodes of all operations, which need not be differentiated. */
  void read(Ops ops, Collection<String> kept) {
    read(ops, kept, Set.of());
  }

  /**
   * Adds the nodes of all operations.
   *
   * @param kept names of results
   * @param of names of the values by which the results will be differentiated
   */
  void read(Ops ops, Collection<String> kept, Collection<String> of) {
    Claims claims = new Claims();
    match(ops, new Patterns(ops, Set.copyOf(kept), ops.dependents(of)), claims);
    claims.run(ops, groups::operation);
  }

  private void match(Ops ops, Patterns patterns, Claims claims) {
    for (Op op : ops.ordered()) {
      GraphWalk.claim(op, ops, patterns, claims, groups);
      if (op.is("softmax")) {
        patterns
            .imageAttention(op)
            .ifPresent(m -> claims.add(m.group(), () -> groups.attention(m)));
        AttentionPattern.match(ops, patterns, op)
            .ifPresent(m -> claims.add(m.group(), () -> groups.attention(m, ops)));
      }
    }
    for (Op op : ops.ordered()) {
      if (op.is("add") && claims.isFree(op)) {
        patterns
            .sumWith("conv2d", op)
            .ifPresent(m -> claims.add(m.group(), () -> groups.convolutionSum(m, op)));
        patterns
            .sumWith("matmul", op)
            .ifPresent(m -> claims.add(m.group(), () -> groups.dense(m, op)));
      }
    }
  }
}
