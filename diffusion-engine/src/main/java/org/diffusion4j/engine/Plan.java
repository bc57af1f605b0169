package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
  private final boolean gradients;
  private final Footprint footprint;

  private Plan(
      WeightStore weights,
      List<Node> nodes,
      Map<String, Integer> callers,
      boolean gradients,
      boolean batchwise) {
    this.weights = weights;
    this.nodes = List.copyOf(nodes);
    this.callers = callers;
    this.gradients = gradients;
    arena = new Arena(nodes, List.of());
    Set<PackedWeight> packed = new HashSet<>();
    nodes.forEach(node -> packed.addAll(node.packed()));
    footprint =
        new Footprint(
            (arena.floats() + gradientFloats()) * Float.BYTES, Set.copyOf(packed), batchwise);
  }

  /**
   * Makes a plan. The gradients of variables lie in the workspace, those of placeholders go to the
   * caller's arrays.
   *
   * @param placeholders their shapes by name, without those of dropouts
   * @param shape what the result must be, the batch first
   */
  static Plan of(
      WeightStore weights,
      Source source,
      Map<String, long[]> placeholders,
      Goal goal,
      long[] shape) {
    Builder builder = new Builder(weights, source, goal);
    try {
      builder.read(source, placeholders, goal);
      Value result = builder.result(goal.result(), shape);
      if (goal.gradients()) {
        builder.differentiate(result, goal.of());
      } else {
        builder.nodes.add(Transfer.store(builder.caller(goal.result()), result));
      }
      return builder.build(goal.gradients());
    } catch (RuntimeException | Error e) {
      builder.close();
      throw e;
    }
  }

  /** The name under which a caller's array receives the gradient of a placeholder. */
  static String gradientName(String placeholder) {
    return placeholder + "-grad";
  }

  /** What is known of it. */
  Footprint footprint() {
    return footprint;
  }

  /** The number of the caller's array for a placeholder or a result. */
  int caller(String name) {
    Integer index = callers.get(name);
    if (index == null) {
      throw new IllegalArgumentException("no array is named " + name);
    }
    return index;
  }

  private long gradientFloats() {
    return gradients ? weights.gradientFloats() : 0;
  }

  /** Allocates a workspace. */
  Workspace workspace() {
    Workspace workspace =
        new Workspace(arena.floats(), gradientFloats(), callers.size(), arena.scratch(), weights);
    try {
      workspace.bind(nodes);
      return workspace;
    } catch (RuntimeException | Error e) {
      workspace.close();
      throw e;
    }
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
    private final Tape tape;
    private boolean batchwise;

    Builder(WeightStore weights, Source source, Goal goal) {
      this.weights = weights;
      Nd4jGradient nd4j = new Nd4jGradient(source.gradientGraph(), weights);
      reader = new GraphReader(weights, nd4j, goal.precision());
      reader.dropouts(source.dropouts(), goal.drops());
      tape = new Tape(weights);
    }

    void read(Source source, Map<String, long[]> placeholders, Goal goal) {
      Set<String> results = Set.of(goal.result());
      Ops ops = new Ops(source.graph(), results, placeholders.keySet());
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
      nodes.addAll(reader.takeNodes());
      batchwise = reader.batchwise() && nodes.stream().allMatch(Node::batchwise);
    }

    Value result(String name, long[] shape) {
      Value result = reader.value(name);
      if (result.type != DataType.FLOAT || !Arrays.equals(result.shape(), shape)) {
        throw new UnplannableException(
            name + " must be " + Arrays.toString(shape) + " but is " + result);
      }
      return result;
    }

    int caller(String name) {
      return callers.computeIfAbsent(name, n -> callers.size());
    }

    void differentiate(Value output, Set<String> of) {
      List<Value> wanted = of.stream().map(reader::value).toList();
      Value seed = output.likeThis(output.name + "-grad");
      tape.run(nodes, wanted, output, seed);
      nodes.add(new LossOfOutput(output, seed));
      nodes.addAll(tape.takeNodes());
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

    /** Frees what was made so far. */
    void close() {
      nodes.forEach(Node::close);
      reader.takeNodes().forEach(Node::close);
      tape.takeNodes().forEach(Node::close);
    }

    Plan build(boolean gradients) {
      return new Plan(weights, nodes, callers, gradients, batchwise);
    }
  }
}
