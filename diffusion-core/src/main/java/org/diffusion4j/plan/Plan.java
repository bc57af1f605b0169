package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * A graph for placeholders of given shapes, forward or forward and backward: its operations in
 * order, and where in memory each result lies. Immutable once built; runs in as many workspaces as
 * are wanted.
 */
final class Plan implements AutoCloseable {

  private final WeightStore weights;
  private final List<Node> nodes;
  private final Arena arena;
  private final Map<String, Integer> callers;
  private final @Nullable Value loss;
  private final boolean batchwise;

  private Plan(
      WeightStore weights,
      List<Node> nodes,
      Map<String, Integer> callers,
      @Nullable Value loss,
      boolean batchwise) {
    this.weights = weights;
    this.nodes = List.copyOf(nodes);
    this.callers = callers;
    this.loss = loss;
    this.batchwise = batchwise;
    arena = new Arena(nodes, loss == null ? List.of() : List.of(loss));
  }

  /**
   * A plan that computes a result.
   *
   * @param placeholders their shapes by name
   * @param output the name of the result
   * @param shape what it must be, the batch first
   * @param precision of convolutions
   */
  static Plan forward(
      WeightStore weights,
      SameDiff graph,
      Map<String, long[]> placeholders,
      String output,
      long[] shape,
      Precision precision) {
    Supplier<SameDiff> none =
        () -> {
          throw new IllegalStateException("a forward plan has no gradient");
        };
    Builder builder = new Builder(weights, graph, none, placeholders, Set.of(output), precision);
    Value result = builder.reader.value(output);
    if (!Arrays.equals(result.shape(), shape)) {
      throw new UnplannableException(
          output + " must be " + Arrays.toString(shape) + " but is " + result);
    }
    builder.nodes.add(Transfer.store(builder.caller(output), result));
    return builder.build(null);
  }

  /**
   * A plan that computes a loss and its gradients.
   *
   * @param placeholders their shapes by name
   * @param gradientGraph gives ND4J's copy of the graph for gradients, if it is needed
   * @param loss the name of a scalar
   * @param of names of variables, whose gradients lie in the workspace, and of placeholders, whose
   *     gradients the caller's arrays receive
   */
  static Plan gradients(
      WeightStore weights,
      SameDiff graph,
      Supplier<SameDiff> gradientGraph,
      Map<String, long[]> placeholders,
      String loss,
      Set<String> of) {
    Builder builder =
        new Builder(weights, graph, gradientGraph, placeholders, Set.of(loss), Precision.FLOAT32);
    builder.differentiate(loss, of);
    return builder.build(builder.reader.value(loss));
  }

  /** The name under which a caller's array receives the gradient of a placeholder. */
  static String gradientName(String placeholder) {
    return placeholder + "-grad";
  }

  /** Whether a part of a batch gives the same results as in the whole batch. */
  boolean batchwise() {
    return batchwise;
  }

  /** The packed weights that must be up to date before a run. */
  Set<PackedWeight> packed() {
    Set<PackedWeight> packed = new HashSet<>();
    nodes.forEach(node -> packed.addAll(node.packed()));
    return packed;
  }

  /** The number of the caller's array for a placeholder or a result. */
  int caller(String name) {
    Integer index = callers.get(name);
    if (index == null) {
      throw new IllegalArgumentException("no array is named " + name);
    }
    return index;
  }

  /** The native memory of one workspace, in bytes. */
  long workspaceBytes() {
    return (arena.floats() + gradientFloats()) * Float.BYTES;
  }

  private long gradientFloats() {
    return loss == null ? 0 : weights.gradientFloats();
  }

  /** Allocates a workspace. */
  Workspace workspace() {
    Workspace workspace =
        new Workspace(arena.floats(), gradientFloats(), callers.size(), arena.scratch(), weights);
    workspace.bind(nodes);
    return workspace;
  }

  /** The loss of the last run in a workspace. */
  double loss(Workspace workspace) {
    if (loss == null) {
      throw new IllegalStateException("the plan has no loss");
    }
    return workspace.floats(loss).get(0);
  }

  @Override
  public void close() {
    nodes.forEach(Node::close);
  }

  /** What a plan is made from, step by step. */
  private static final class Builder {

    final WeightStore weights;
    final GraphReader reader;
    final List<Node> nodes = new ArrayList<>();
    private final Map<String, Integer> callers = new LinkedHashMap<>();
    private final boolean batchwise;

    Builder(
        WeightStore weights,
        SameDiff graph,
        Supplier<SameDiff> gradientGraph,
        Map<String, long[]> placeholders,
        Set<String> results,
        Precision precision) {
      this.weights = weights;
      reader = new GraphReader(weights, new Nd4jGradient(gradientGraph, weights), precision);
      Ops ops = new Ops(graph, results, placeholders.keySet());
      placeholders.forEach(
          (name, shape) -> {
            boolean used = !ops.consumers(name).isEmpty();
            Value value = Value.activation(name, shape.clone());
            reader.define(name, value);
            int caller = caller(name);
            if (used) {
              nodes.add(Transfer.load(caller, value));
            }
          });
      reader.read(ops, results);
      nodes.addAll(reader.nodes());
      batchwise =
          reader.batchwise()
              && nodes.stream().allMatch(node -> node.batchwise() || isLoss(node, ops, results));
    }

    /** A mean that is the result itself may be taken of each part and weighted. */
    private static boolean isLoss(Node node, Ops ops, Set<String> results) {
      String name = node.outputs().get(0).name;
      return node instanceof Mean && results.contains(name) && ops.consumers(name).isEmpty();
    }

    int caller(String name) {
      return callers.computeIfAbsent(name, n -> callers.size());
    }

    void differentiate(String lossName, Set<String> of) {
      Value loss = reader.value(lossName);
      if (loss.length() != 1) {
        throw new UnplannableException("its loss is not a number");
      }
      List<Value> wanted = of.stream().map(reader::value).toList();
      Value seed = Value.plain(lossName + "-grad", DataType.FLOAT, loss.shape());
      Tape tape = new Tape(weights);
      List<Node> gradient = tape.run(nodes, wanted, loss, seed);
      nodes.add(new Seed(seed));
      nodes.addAll(gradient);
      Set<Storage> taken = new HashSet<>();
      for (Value value : wanted) {
        Value result = tape.gradient(value);
        if (result == null) {
          throw new IllegalArgumentException("the loss does not depend on " + value.name);
        }
        if (!value.isWeight()) {
          nodes.add(Transfer.store(caller(gradientName(value.name)), result));
        } else if (result.storage.kind() == Storage.Kind.ARENA
            && result.storage.floats() == value.length()
            && taken.add(result.storage.root())) {
          result.storage.becomeGradient(value.name);
        } else {
          Value copy = result.likeThis(result.name + "-copy");
          nodes.add(Eltwise.linear(copy.name, 1, 0, result, copy));
          copy.storage.becomeGradient(value.name);
        }
      }
    }

    Plan build(@Nullable Value loss) {
      return new Plan(weights, nodes, callers, loss, batchwise);
    }
  }

  /** The gradient of the loss with respect to itself: the workspace's share of the batch. */
  private static final class Seed extends Node {

    private final Value seed;

    Seed(Value seed) {
      super(seed.name, List.of(), List.of(seed));
      this.seed = seed;
    }

    @Override
    Runnable bind(Workspace workspace) {
      FloatBuffer to = workspace.floats(seed);
      return () -> to.put(0, workspace.lossShare());
    }
  }
}
