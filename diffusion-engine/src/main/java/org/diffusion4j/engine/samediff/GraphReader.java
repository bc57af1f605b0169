package org.diffusion4j.engine.samediff;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.samediff.GroupNormPattern.GroupNormMatch;
import org.diffusion4j.engine.samediff.LayerNormPattern.LayerNormMatch;
import org.diffusion4j.engine.samediff.Patterns.GeluMatch;
import org.diffusion4j.engine.samediff.Patterns.Group;

/** Converts the operations of a SameDiff graph to nodes: groups first, then single operations. */
final class GraphReader {

  private final OpReader single;
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
    single = new OpReader(reading, images, nd4j, dropouts, drops);
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
    Map<Op, Runnable> found = new HashMap<>();
    Set<Op> hidden = new HashSet<>();
    match(ops, new Patterns(ops, Set.copyOf(kept), ops.dependents(of)), found, hidden);
    for (Op op : ops.ordered()) {
      Runnable group = found.get(op);
      if (group != null) {
        group.run();
      } else if (!hidden.contains(op)) {
        single.read(op);
      }
    }
  }

  private void match(Ops ops, Patterns patterns, Map<Op, Runnable> found, Set<Op> hidden) {
    for (Op op : ops.ordered()) {
      if (op.is("reshape")) {
        Optional<GroupNormMatch> match = patterns.groupNorm(op);
        match.ifPresent(m -> claim(m.group(), () -> groups.groupNorm(m), found, hidden));
      } else if (op.is("multiply")) {
        Optional<GeluMatch> match = patterns.gelu(op);
        match.ifPresent(m -> claim(m.group(), () -> groups.gelu(m), found, hidden));
      } else if (op.is("reduce_mean")) {
        Optional<LayerNormMatch> match = LayerNormPattern.match(ops, patterns, op);
        match.ifPresent(m -> claim(m.group(), () -> groups.layerNorm(m), found, hidden));
      } else if (op.is("softmax")) {
        patterns
            .imageAttention(op)
            .ifPresent(m -> claim(m.group(), () -> groups.attention(m), found, hidden));
        AttentionPattern.match(ops, patterns, op)
            .ifPresent(m -> claim(m.group(), () -> groups.attention(m, ops), found, hidden));
      }
    }
    for (Op op : ops.ordered()) {
      if (op.is("add") && !hidden.contains(op)) {
        patterns
            .sumWith("conv2d", op)
            .ifPresent(m -> claim(m.group(), () -> groups.convolutionSum(m, op), found, hidden));
        patterns
            .sumWith("matmul", op)
            .ifPresent(m -> claim(m.group(), () -> groups.dense(m, op), found, hidden));
      }
    }
  }

  private static void claim(Group group, Runnable emit, Map<Op, Runnable> found, Set<Op> hidden) {
    if (group.members().stream().noneMatch(hidden::contains)) {
      hidden.addAll(group.members());
      found.put(group.last(), emit);
    }
  }
}
