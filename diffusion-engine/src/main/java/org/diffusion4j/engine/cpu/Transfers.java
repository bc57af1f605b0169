package org.diffusion4j.engine.cpu;

import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.engine.cpu.Primitive.Argument;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Load;
import org.diffusion4j.engine.graph.Permute;
import org.diffusion4j.engine.graph.Relayout;
import org.diffusion4j.engine.graph.Store;
import org.diffusion4j.engine.graph.Value;

/** Kernels that copy values between layouts, and from and to the caller's arrays. */
final class Transfers {

  private static final int FROM = dnnl.DNNL_ARG_FROM;
  private static final int TO = dnnl.DNNL_ARG_TO;

  private Transfers() {}

  static Kernel relayout(Relayout node, KernelContext context) {
    Desc from = context.desc(node.from());
    Desc to = context.desc(node.to());
    return PrimitiveKernel.of(
        context.own(Primitive.reorder(node.name(), from, to)),
        new Operand(FROM, from, node.from()),
        new Operand(TO, to, node.to()));
  }

  static Kernel permute(Permute node, KernelContext context) {
    long[] strides = node.x().strides();
    long[] permuted = node.order().stream().mapToLong(d -> strides[d]).toArray();
    Desc from = context.own(Desc.strided(node.y().shape(), permuted));
    Desc to = context.desc(node.y());
    return PrimitiveKernel.of(
        context.own(Primitive.reorder(node.name(), from, to)),
        new Operand(FROM, from, node.x()),
        new Operand(TO, to, node.y()));
  }

  static Kernel load(Load node, KernelContext context) {
    return node.to().isPlain()
        ? copy(node.caller(), node.to(), true)
        : new WithCaller(node.name(), node.caller(), node.to(), true, context);
  }

  static Kernel store(Store node, KernelContext context) {
    return node.from().isPlain()
        ? copy(node.caller(), node.from(), false)
        : new WithCaller(node.name(), node.caller(), node.from(), false, context);
  }

  private static Kernel copy(int caller, Value value, boolean inward) {
    long bytes = value.length() * value.type().width();
    return (workspace, scratch) -> {
      Pointer ours = Address.of(workspace.address(value));
      return () -> {
        Pointer theirs = Address.of(workspace.caller(caller));
        Pointer.memcpy(inward ? ours : theirs, inward ? theirs : ours, bytes);
      };
    };
  }

  /** A copy between the caller's array in C order and a value in another layout. */
  private static final class WithCaller implements Kernel {

    private final int caller;
    private final Value value;
    private final boolean inward;
    private final Desc inside;
    private final Desc outside;
    private final Primitive reorder;

    WithCaller(String name, int caller, Value value, boolean inward, KernelContext context) {
      this.caller = caller;
      this.value = value;
      this.inward = inward;
      inside = context.desc(value);
      outside = context.desc(Value.plain(value.name(), value.type(), value.shape()));
      reorder =
          context.own(
              Primitive.reorder(name, inward ? outside : inside, inward ? inside : outside));
    }

    @Override
    public long scratch() {
      return reorder.scratch();
    }

    @Override
    public Runnable bind(CpuWorkspace workspace, long scratch) {
      Argument ours = new Argument(inward ? TO : FROM, inside, workspace.address(value));
      Argument theirs = new Argument(inward ? FROM : TO, outside, workspace.address(value));
      BoundPrimitive copy = reorder.bind(workspace, scratch, List.of(theirs, ours));
      return () -> {
        copy.move(0, workspace.caller(caller));
        copy.run();
      };
    }
  }
}
