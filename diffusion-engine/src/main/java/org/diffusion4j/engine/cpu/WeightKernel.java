package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;

/**
 * A kernel that consists of one oneDNN primitive and reads a copy of a weight.
 *
 * @param operands the others
 * @param weight the operand that {@code copy} replaces
 * @param copy of the weight in the layout of its value
 */
record WeightKernel(Primitive primitive, List<Operand> operands, Operand weight, PackedWeight copy)
    implements Kernel {

  WeightKernel {
    operands = List.copyOf(operands);
  }

  @Override
  public long scratch() {
    return copy.scratch() + primitive.scratch();
  }

  @Override
  public List<PackedWeight> packed() {
    return List.of(copy);
  }

  @Override
  public Runnable bind(CpuWorkspace workspace, long scratch) {
    List<Primitive.Argument> arguments = new ArrayList<>();
    operands.forEach(operand -> arguments.add(operand.in(workspace)));
    arguments.add(new Primitive.Argument(weight.role(), weight.desc(), copy.address(scratch)));
    long own = scratch + copy.scratch() * Float.BYTES;
    return copy.used(scratch, primitive.bind(workspace, own, arguments));
  }
}
