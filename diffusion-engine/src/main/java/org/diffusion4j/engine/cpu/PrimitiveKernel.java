package org.diffusion4j.engine.cpu;

import java.util.List;
import org.diffusion4j.engine.graph.Value;

/** A kernel that consists of one oneDNN primitive. */
record PrimitiveKernel(Primitive primitive, List<Operand> operands) implements Kernel {

  PrimitiveKernel {
    operands = List.copyOf(operands);
  }

  /** An argument: its role in oneDNN, its layout and its value. */
  record Operand(int role, Desc desc, Value value) {

    Primitive.Argument in(CpuWorkspace workspace) {
      return new Primitive.Argument(role, desc, workspace.address(value));
    }
  }

  static PrimitiveKernel of(Primitive primitive, Operand... operands) {
    return new PrimitiveKernel(primitive, List.of(operands));
  }

  @Override
  public long scratch() {
    return primitive.scratch();
  }

  @Override
  public Runnable bind(CpuWorkspace workspace, long scratch) {
    return primitive.bind(
        workspace, scratch, operands.stream().map(operand -> operand.in(workspace)).toList());
  }
}
