package org.diffusion4j.engine.samediff;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Load;
import org.diffusion4j.engine.graph.LossOfOutput;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.Storage;
import org.diffusion4j.engine.graph.Store;
import org.diffusion4j.engine.graph.Tape;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.nd4j.linalg.api.buffer.DataType;

/** Converts a SameDiff graph to nodes for placeholders of given shapes. */
public final class SameDiffPlanner {

  private final Reading reading;
  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, Integer> callers = new LinkedHashMap<>();
  private final boolean divisible;

  private SameDiffPlanner(
      Weights weights, Source source, Map<String, long[]> placeholders, Goal goal, int batch) {
    Set<String> results = goal.results();
    Nd4jGradient nd4j = new Nd4jGradient(source.gradientGraph(), weights);
    reading = new Reading(weights, batch);
    GraphReader reader =
        new GraphReader(reading, nd4j, goal.precision(), source.dropouts(), goal.drops());
    Ops ops = new Ops(source.graph(), results, placeholders.keySet());
    placeholders.forEach(
        (name, shape) -> {
          boolean used = !ops.consumers(name).isEmpty();
          Value value = input(source.placeholder(name), shape.clone());
          reading.define(name, value);
          int caller = caller(name);
          if (used) {
            nodes.add(new Load(caller, value));
          }
        });
    reader.read(ops, results, goal.of());
    nodes.addAll(reading.nodes());
    divisible = reading.divisible() && nodes.stream().allMatch(Node::divisible);
  }

  private static Value input(Placeholder placeholder, long[] shape) {
    return switch (placeholder.type()) {
      case FLOAT -> Value.activation(placeholder.name(), shape);
      case INT, LONG -> Value.plain(placeholder.name(), placeholder.type(), shape);
      default -> throw new UnplannableException(placeholder.name() + " is " + placeholder.type());
    };
  }

  /**
   * Reads a graph. Gradients of variables are in the workspace, those of placeholders are written
   * to the caller's arrays.
   *
   * @param placeholders their shapes by name, without those of dropouts
   * @param results the required shapes of the results; the first dimension is the batch
   * @throws UnplannableException if only SameDiff's session can run the graph
   */
  public static NodeGraph plan(
      Weights weights,
      Source source,
      Map<String, long[]> placeholders,
      Goal goal,
      Map<String, long[]> results) {
    int batch = Math.toIntExact(results.values().iterator().next()[0]);
    SameDiffPlanner planner = new SameDiffPlanner(weights, source, placeholders, goal, batch);
    results.forEach(
        (name, shape) -> {
          Value result = planner.result(name, shape);
          if (goal.gradients()) {
            planner.differentiate(result, goal.of());
          } else {
            planner.nodes.add(new Store(planner.caller(name), result));
          }
        });
    return new NodeGraph(planner.nodes, planner.callers, goal.gradients(), planner.divisible);
  }

  private Value result(String name, long[] shape) {
    Value result = reading.value(name);
    if (result.type() != DataType.FLOAT || !Arrays.equals(result.shape(), shape)) {
      throw new UnplannableException(
          name + " must be " + Arrays.toString(shape) + " but is " + result);
    }
    return result;
  }

  private int caller(String name) {
    return callers.computeIfAbsent(name, n -> callers.size());
  }

  private void differentiate(Value output, Set<String> of) {
    List<Value> wanted = of.stream().map(reading::value).toList();
    for (Value value : wanted) {
      if (value.type() != DataType.FLOAT) {
        throw new IllegalArgumentException(
            "gradients must be of what is FLOAT but " + value.name() + " is " + value.type());
      }
    }
    Value seed = output.gradient();
    Tape tape = new Tape();
    tape.run(nodes, wanted, output, seed);
    nodes.add(new LossOfOutput(output, seed));
    nodes.addAll(tape.nodes());
    Set<Storage> taken = new HashSet<>();
    for (Value value : wanted) {
      Value result = tape.gradient(value);
      if (result == null) {
        throw new IllegalArgumentException("the loss does not depend on " + value.name());
      }
      Storage storage = result.storage();
      if (!value.isWeight()) {
        nodes.add(new Store(caller(NodeGraph.gradientName(value.name())), result));
      } else if (storage.kind() == Storage.Kind.ARENA
          && storage.floats() == value.length()
          && taken.add(storage.root())) {
        storage.becomeGradient(value.name());
      } else {
        Value copy = result.likeThis(result.name() + "-copy");
        nodes.add(new Affine(copy.name(), 1, 0, result, copy));
        copy.storage().becomeGradient(value.name());
      }
    }
  }
}
