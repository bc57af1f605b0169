package org.diffusion4j.engine.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reverse-mode differentiation of a list of nodes. From last to first, each node adds the nodes
 * that compute the gradients of its inputs from those of its outputs.
 */
public final class Tape {

  private final List<Node> added = new ArrayList<>();
  private final Map<Storage, Value> gradients = new HashMap<>();
  private final Set<Storage> wanted = new HashSet<>();

  /**
   * Differentiates.
   *
   * @param nodes in the order of their execution
   * @param of the values whose gradients are wanted
   * @param output the value to differentiate; {@code seed} is its gradient
   */
  public void run(List<Node> nodes, List<Value> of, Value output, Value seed) {
    of.forEach(value -> wanted.add(value.storage().root()));
    for (Node node : nodes) {
      if (node.inputs().stream().anyMatch(this::wants)) {
        node.outputs().forEach(value -> wanted.add(value.storage().root()));
      }
    }
    contribute(output, seed);
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node node = nodes.get(i);
      boolean reached = node.outputs().stream().anyMatch(v -> gradient(v) != null);
      if (reached && node.inputs().stream().anyMatch(this::wants)) {
        node.differentiate(this);
      }
    }
  }

  /** The nodes of the gradient so far, in order. */
  public List<Node> nodes() {
    return List.copyOf(added);
  }

  /** Whether the gradient with respect to a value is needed. */
  public boolean wants(Value value) {
    return wanted.contains(value.storage().root());
  }

  /** The gradient with respect to a value as accumulated so far, in the value's shape. */
  public @Nullable Value gradient(Value value) {
    Value gradient = gradients.get(value.storage().root());
    if (gradient == null
        || (gradient.sameShape(value) && gradient.channelsLast() == value.channelsLast())) {
      return gradient;
    }
    String name = gradient.name();
    return value.channelsLast()
        ? gradient.activationView(name, value.shape())
        : gradient.view(name, value.shape());
  }

  /** The {@link #gradient} of a value that the loss depends on. */
  public Value gradientOf(Value value) {
    Value gradient = gradient(value);
    if (gradient == null) {
      throw new IllegalStateException("the loss does not depend on " + value);
    }
    return gradient;
  }

  /** Removes the gradient accumulated so far, for a node that adds it itself. */
  public @Nullable Value take(Value value) {
    Value gradient = gradient(value);
    gradients.remove(value.storage().root());
    return gradient;
  }

  /** Adds a node of the gradient. */
  public void add(Node node) {
    added.add(node);
  }

  /** Adds to the gradient with respect to a value, if it is wanted. */
  public void contribute(Value value, Value gradient) {
    if (!wants(value)) {
      return;
    }
    Value known = gradient(value);
    if (known == null) {
      gradients.put(value.storage().root(), gradient);
    } else {
      Value sum = value.gradient();
      add(new Binary(sum.name(), Binary.Kind.ADD, known, gradient, sum));
      gradients.put(value.storage().root(), sum);
    }
  }
}
