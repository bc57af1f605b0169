package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.diffusion4j.engine.graph.Arena;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Program;
import org.diffusion4j.engine.graph.Storage;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.WeightCopy;
import org.diffusion4j.engine.graph.Weights;

/** The kernels of nodes, in order, and their memory layout. */
final class CpuProgram implements Program {

  private final Map<Node, Kernel> kernels = new IdentityHashMap<>();
  private final List<Node> nodes;
  private final Weights weights;
  private final int callerArrays;
  private final long gradientFloats;
  private final KernelContext context;
  private final Arena arena;
  private final long bytesApart;
  private final Set<WeightCopy> copies = new LinkedHashSet<>();

  CpuProgram(
      List<Node> nodes,
      Weights weights,
      int callerArrays,
      boolean gradients,
      KernelContext context) {
    this.nodes = List.copyOf(nodes);
    this.weights = weights;
    this.callerArrays = callerArrays;
    this.context = context;
    gradientFloats = gradients ? weights.gradientFloats() : 0;
    for (Node node : nodes) {
      Kernel kernel = Kernels.of(node, context);
      kernels.put(node, kernel);
      copies.addAll(kernel.packed());
      addHeld(node, kernel);
    }
    arena = new Arena(nodes, node -> kernel(node).scratch(), List.of());
    bytesApart = bytesApart(nodes);
  }

  /** Frozen weights that a kernel reads as arrays. */
  private void addHeld(Node node, Kernel kernel) {
    for (Value input : node.inputs()) {
      String name = input.storage().weight();
      if (context.isFrozen(input)
          && kernel.packed().stream().noneMatch(copy -> copy.name().equals(name))) {
        copies.add(new HeldWeight(weights, name));
      }
    }
  }

  /** What is not FLOAT has arrays of its own. */
  private static long bytesApart(List<Node> nodes) {
    Map<Storage, Long> bytes = new IdentityHashMap<>();
    for (Node node : nodes) {
      for (Value value : node.outputs()) {
        if (value.storage().kind() == Storage.Kind.APART) {
          bytes.put(value.storage().root(), value.length() * value.type().width());
        }
      }
    }
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }

  private Kernel kernel(Node node) {
    return Objects.requireNonNull(kernels.get(node), node::name);
  }

  @Override
  public Set<WeightCopy> weightCopies() {
    return Collections.unmodifiableSet(copies);
  }

  @Override
  public long workspaceBytes() {
    return (arena.floats() + gradientFloats) * Float.BYTES + bytesApart;
  }

  @Override
  public CpuWorkspace workspace() {
    CpuWorkspace workspace =
        new CpuWorkspace(arena.floats(), gradientFloats, callerArrays, weights);
    try {
      List<Runnable> steps = new ArrayList<>();
      for (Node node : nodes) {
        Storage scratch = arena.scratch().get(node);
        long address = scratch == null ? workspace.scratchAddress() : workspace.address(scratch);
        steps.add(Profile.timed(node, kernel(node).bind(workspace, address)));
      }
      workspace.steps(steps);
      return workspace;
    } catch (RuntimeException | Error e) {
      workspace.close();
      throw e;
    }
  }

  @Override
  public void close() {
    context.close();
  }
}
