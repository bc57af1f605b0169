package org.diffusion4j.engine.samediff;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.engine.graph.UnplannableException;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;

/** The operations of a graph that some results need, in order of their dependencies. */
final class Ops {

  private final List<Op> ordered = new ArrayList<>();
  private final Map<String, Op> producers = new HashMap<>();
  private final Map<String, List<Op>> consumers = new HashMap<>();

  /**
   * @param known names of known values, whose operations are not needed
   */
  Ops(SameDiff graph, Collection<String> results, Set<String> known) {
    Map<String, SameDiffOp> byResult = new HashMap<>();
    for (SameDiffOp op : graph.getOps().values()) {
      op.getOutputsOfOp().forEach(name -> byResult.put(name, op));
    }
    Map<SameDiffOp, Op> done = new LinkedHashMap<>();
    for (String result : results) {
      visit(result, byResult, known, done);
    }
    ordered.addAll(done.values());
    for (Op op : ordered) {
      op.out().forEach(name -> producers.put(name, op));
      new HashSet<>(op.in())
          .forEach(name -> consumers.computeIfAbsent(name, n -> new ArrayList<>()).add(op));
    }
  }

  /** Depth first without recursion, because graphs may be deep. */
  private static void visit(
      String result,
      Map<String, SameDiffOp> byResult,
      Set<String> known,
      Map<SameDiffOp, Op> done) {
    Deque<SameDiffOp> stack = new ArrayDeque<>();
    Set<SameDiffOp> open = new HashSet<>();
    push(result, byResult, known, done, stack);
    while (!stack.isEmpty()) {
      SameDiffOp op = stack.peek();
      if (done.containsKey(op)) {
        stack.pop();
      } else if (open.add(op)) {
        for (int i = op.getInputsToOp().size() - 1; i >= 0; i--) {
          push(op.getInputsToOp().get(i), byResult, known, done, stack);
        }
      } else {
        stack.pop();
        List<String> in = op.getInputsToOp();
        done.put(op, new Op(op.getOp().opName(), op.getOp(), in, op.getOutputsOfOp()));
      }
    }
  }

  private static void push(
      String name,
      Map<String, SameDiffOp> byResult,
      Set<String> known,
      Map<SameDiffOp, Op> done,
      Deque<SameDiffOp> stack) {
    SameDiffOp op = known.contains(name) ? null : byResult.get(name);
    if (op != null && !done.containsKey(op)) {
      if (op.getControlDeps() != null && !op.getControlDeps().isEmpty()) {
        throw new UnplannableException("it has control dependencies");
      }
      stack.push(op);
    }
  }

  List<Op> ordered() {
    return ordered;
  }

  /** These values and those that depend on them. */
  Set<String> dependents(Collection<String> names) {
    Set<String> dependents = new HashSet<>(names);
    for (Op op : ordered) {
      if (op.in().stream().anyMatch(dependents::contains)) {
        dependents.addAll(op.out());
      }
    }
    return dependents;
  }

  @Nullable Op producer(String name) {
    return producers.get(name);
  }

  List<Op> consumers(String name) {
    return consumers.getOrDefault(name, List.of());
  }

  /** The first operation of a kind that reads a value. */
  @Nullable Op consumer(String name, String kind) {
    for (Op op : consumers(name)) {
      if (op.is(kind)) {
        return op;
      }
    }
    return null;
  }

  /** The operation that computes a value, if it is of a kind. */
  @Nullable Op producer(String name, String kind) {
    Op op = producer(name);
    return op != null && op.is(kind) ? op : null;
  }
}
