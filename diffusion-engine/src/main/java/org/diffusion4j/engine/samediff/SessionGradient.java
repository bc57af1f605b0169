package org.diffusion4j.engine.samediff;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.graph.Value;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;

/**
 * Adds the gradients of a result to a graph by reverse-mode differentiation; each operation
 * supplies the operations of its gradient.
 *
 * <p>{@link SameDiff#createGradFunction} does the same, but needs a loss within the graph and
 * prints a line for each operation.
 */
final class SessionGradient {

  /** The placeholder for the gradient of the result. */
  static final String SEED = "gradient-of-the-result";

  private final SameDiff graph;
  private final Map<String, SDVariable> gradients = new HashMap<>();
  private final Set<String> dependent;

  /**
   * Differentiates.
   *
   * @param graph a copy, to which operations are added
   * @param result the name of the result
   * @param rank rank of the result
   * @param of names of variables and placeholders
   */
  SessionGradient(SameDiff graph, String result, int rank, Set<String> of) {
    this.graph = graph;
    Ops ops = new Ops(graph, List.of(result), Set.of());
    dependent = dependent(ops, of);
    SDVariable output = graph.getVariable(result);
    long[] shape = new long[rank];
    Arrays.fill(shape, -1);
    gradients.put(result, graph.placeHolder(SEED, output.dataType(), shape));
    Deque<Op> ready = new ArrayDeque<>();
    Set<Op> done = new HashSet<>();
    offer(ops, result, ready, done);
    while (!ready.isEmpty()) {
      Op op = ready.remove();
      done.add(op);
      if (op.out().stream().anyMatch(gradients::containsKey)) {
        differentiate(op);
      }
      op.in().forEach(input -> offer(ops, input, ready, done));
    }
  }

  /**
   * Queues the operation that computes a value when all operations that read it have been
   * differentiated.
   */
  private void offer(Ops ops, String value, Deque<Op> ready, Set<Op> done) {
    Op op = ops.producer(value);
    if (op == null || !dependent.contains(value) || done.contains(op) || ready.contains(op)) {
      return;
    }
    if (op.out().stream().allMatch(out -> done.containsAll(ops.consumers(out)))) {
      ready.add(op);
    }
  }

  /** The names that depend on some names, including these. */
  private static Set<String> dependent(Ops ops, Set<String> of) {
    Set<String> all = new HashSet<>(of);
    for (Op op : ops.ordered()) {
      if (op.in().stream().anyMatch(all::contains)) {
        all.addAll(op.out());
      }
    }
    return all;
  }

  private void differentiate(Op op) {
    List<@Nullable SDVariable> seeds = new ArrayList<>();
    for (String name : op.out()) {
      seeds.add(seed(name));
    }
    List<@Nullable SDVariable> terms = op.is("gather") ? ofGather(op) : op.function().doDiff(seeds);
    for (int i = 0; i < Math.min(terms.size(), op.in().size()); i++) {
      String input = op.in().get(i);
      SDVariable term = terms.get(i);
      boolean wanted = dependent.contains(input) && graph.getVariable(input).dataType().isFPType();
      if (wanted && term != null) {
        gradients.merge(input, term, SDVariable::add);
      }
    }
  }

  /** A product with one-hot rows, because ND4J's gradient adds to wrong rows of the table. */
  private List<@Nullable SDVariable> ofGather(Op op) {
    SDVariable table = graph.getVariable(op.in().get(0));
    long[] shape = table.getShape();
    if (op.in().size() != 2 || !Arrays.equals(op.integers(), new long[] {0}) || shape == null) {
      throw new UnsupportedOperationException(
          "gather must take rows of a variable, along dimension 0, to have a gradient: "
              + op.result());
    }
    int rows = Math.toIntExact(shape[0]);
    SDVariable flat = graph.reshape(graph.getVariable(op.in().get(1)), -1);
    SDVariable chosen = graph.oneHot(flat, rows, -1, 1, 0, table.dataType());
    SDVariable dy = graph.reshape(seed(op.result()), -1, Value.length(shape) / rows);
    return List.of(graph.reshape(graph.mmul(chosen, dy, true, false, false), shape));
  }

  /** The gradient of an operation's result; results that are not floating-point have none. */
  private @Nullable SDVariable seed(String name) {
    SDVariable value = graph.getVariable(name);
    if (!value.dataType().isFPType()) {
      return null;
    }
    return gradients.computeIfAbsent(name, n -> graph.zerosLike(value));
  }

  SameDiff graph() {
    return graph;
  }

  /** The name of the gradient with respect to a variable or a placeholder. */
  String name(String of) {
    SDVariable gradient = gradients.get(of);
    if (gradient == null) {
      throw new IllegalArgumentException("the loss does not depend on " + of);
    }
    return gradient.name();
  }
}
