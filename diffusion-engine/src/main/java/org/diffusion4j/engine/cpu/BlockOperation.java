package org.diffusion4j.engine.cpu;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.AttentionBlocks.Part;
import org.diffusion4j.engine.cpu.AttentionBlocks.Work;
import org.diffusion4j.engine.cpu.Primitive.Argument;

/**
 * A primitive that runs on one block after the other.
 *
 * @param first for the first rows of a head
 * @param further for further rows, with the same operands
 */
record BlockOperation(Primitive first, Primitive further, List<Operand> operands) {

  BlockOperation {
    operands = List.copyOf(operands);
  }

  /** An argument: its role in oneDNN and where it is. */
  record Operand(int role, Part part) {}

  /** {@code y = factor a b}. */
  static BlockOperation product(
      String name, double factor, Part a, Part b, Part y, KernelContext context) {
    Primitive product =
        context.own(Products.product(name, factor, a.layout(), b.layout(), y.layout()));
    return new BlockOperation(product, product, operands(a, b, y));
  }

  /** {@code y = factor a b}, summed over the blocks of a head. */
  static BlockOperation sum(
      String name, double factor, Part a, Part b, Part y, KernelContext context) {
    return new BlockOperation(
        context.own(Products.product(name, factor, a.layout(), b.layout(), y.layout())),
        context.own(Products.addition(name, factor, a.layout(), b.layout(), y.layout())),
        operands(a, b, y));
  }

  private static List<Operand> operands(Part a, Part b, Part y) {
    return List.of(
        new Operand(dnnl.DNNL_ARG_SRC, a),
        new Operand(dnnl.DNNL_ARG_WEIGHTS, b),
        new Operand(dnnl.DNNL_ARG_DST, y));
  }

  /** {@code x += b}, where b is repeated. */
  static BlockOperation addition(String name, Part x, Part b, KernelContext context) {
    Primitive sum = context.own(Elementwise.sum(name, x.layout(), b.layout()));
    return new BlockOperation(
        sum,
        sum,
        List.of(
            new Operand(dnnl.DNNL_ARG_SRC_0, x),
            new Operand(dnnl.DNNL_ARG_SRC_1, b),
            new Operand(dnnl.DNNL_ARG_DST, x)));
  }

  long scratch() {
    return Math.max(first.scratch(), further.scratch());
  }

  /**
   * The operation bound to memory.
   *
   * @param temporary the address of its operand in temporary memory
   */
  Work bind(CpuWorkspace workspace, long temporary, long scratch) {
    List<Argument> arguments = new ArrayList<>();
    for (Operand operand : operands) {
      long address = operand.part.address(workspace, temporary);
      arguments.add(new Argument(operand.role, operand.part.layout(), address));
    }
    BoundPrimitive ofFirst = first.bind(workspace, scratch, arguments);
    BoundPrimitive ofFurther =
        further == first ? ofFirst : further.bind(workspace, scratch, arguments);
    return (sample, head, row) -> {
      BoundPrimitive bound = row == 0 ? ofFirst : ofFurther;
      for (int i = 0; i < operands.size(); i++) {
        long offset = operands.get(i).part.offset(sample, head, row);
        bound.move(i, arguments.get(i).address() + offset);
      }
      bound.run();
    };
  }
}
