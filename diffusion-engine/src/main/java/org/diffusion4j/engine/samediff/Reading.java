package org.diffusion4j.engine.samediff;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Relayout;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;

/** The state of reading a graph: values by name, and the nodes so far. */
final class Reading {

  private final Weights weights;
  private final int batch;
  private final Map<String, Value> values = new HashMap<>();
  private final Map<Value, Value> relaid = new HashMap<>();
  private final List<Node> nodes = new ArrayList<>();
  private boolean divisible = true;

  /**
   * @param batch the number of samples
   */
  Reading(Weights weights, int batch) {
    this.weights = weights;
    this.batch = batch;
  }

  Weights weights() {
    return weights;
  }

  int batch() {
    return batch;
  }

  /** The nodes so far, in order. */
  List<Node> nodes() {
    return nodes;
  }

  /** Whether no view mixes the samples of a batch. */
  boolean divisible() {
    return divisible;
  }

  /** Records that a view mixes the samples of a batch. */
  void mixesSamples() {
    divisible = false;
  }

  /** Defines the value of a name in the graph. */
  void define(String name, Value value) {
    values.put(name, value);
  }

  Set<String> known() {
    return values.keySet();
  }

  /** The value of a name in the graph. */
  Value value(String name) {
    Value value = values.get(name);
    if (value == null && weights.contains(name)) {
      value = Value.weight(name, weights.type(name), weights.shape(name));
      values.put(name, value);
    }
    if (value == null) {
      throw new UnplannableException("nothing makes " + name);
    }
    return value;
  }

  /** Adds a node, which makes its outputs known. */
  void add(Node node) {
    nodes.add(node);
    for (Value output : node.outputs()) {
      values.putIfAbsent(output.name(), output);
    }
  }

  /** The value in C order. */
  Value plain(Value value) {
    if (value.isPlain()) {
      return value;
    }
    return relaid.computeIfAbsent(
        value,
        v -> {
          Value copy = Value.plain(v.name() + "-plain", v.type(), v.shape());
          nodes.add(new Relayout(copy.name(), v, copy));
          return copy;
        });
  }

  /** The value with its channels last. */
  Value image(Value value) {
    if (value.channelsLast() || value.rank() != 4) {
      return value;
    }
    Value last = Value.activation(value.name(), value.shape());
    if (last.isPlain() && !value.isWeight()) {
      return value.activationView(value.name(), value.shape());
    }
    return relaid.computeIfAbsent(
        value,
        v -> {
          nodes.add(new Relayout(v.name() + "-image", v, last));
          return last;
        });
  }
}
