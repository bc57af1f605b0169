package org.diffusion4j.plan;

import java.util.List;

/** One operation of a plan: what it reads and writes, how it runs, how it is differentiated. */
abstract class Node implements AutoCloseable {

  private final String name;
  private final List<Value> inputs;
  private final List<Value> outputs;

  Node(String name, List<Value> inputs, List<Value> outputs) {
    this.name = name;
    this.inputs = List.copyOf(inputs);
    this.outputs = List.copyOf(outputs);
  }

  final String name() {
    return name;
  }

  /** What it reads. */
  final List<Value> inputs() {
    return inputs;
  }

  final List<Value> outputs() {
    return outputs;
  }

  /** Inputs whose memory the first output may take if nobody reads them later, best first. */
  List<Value> overwritable() {
    return List.of();
  }

  /** Whether sample i of the outputs depends on sample i of the inputs alone. */
  boolean batchwise() {
    return true;
  }

  /** Floats of the arena that it needs only while it runs. */
  long scratch() {
    return 0;
  }

  /** Packed weights that it reads. */
  List<PackedWeight> packed() {
    return List.of();
  }

  /** Adds the operations of its gradient. */
  void differentiate(Tape tape) {
    throw new UnsupportedOperationException(name + " has no gradient");
  }

  /** The operation on the memory of one workspace. */
  abstract Runnable bind(Workspace workspace);

  /** Frees what is native. */
  @Override
  public void close() {}
}
