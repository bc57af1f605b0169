package org.diffusion4j.engine.cpu;

import static org.diffusion4j.engine.cpu.OneDnn.check;

import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.engine.cpu.PrimitiveKernel.Operand;
import org.diffusion4j.engine.graph.Load;
import org.diffusion4j.engine.graph.Permute;
import org.diffusion4j.engine.graph.Relayout;
import org.diffusion4j.engine.graph.Store;
import org.diffusion4j.engine.graph.Value;

/** Kernels that copy values between layouts, and from and to the caller's arrays. */
final class Transfers {

  private Transfers() {}

  static Kernel relayout(Relayout node, KernelContext context) {
    Desc from = context.desc(node.from());
    Desc to = context.desc(node.to());
    return PrimitiveKernel.of(
        context.own(Primitive.reorder(node.name(), from, to)),
        new Operand(dnnl.DNNL_ARG_FROM, from, node.from()),
        new Operand(dnnl.DNNL_ARG_TO, to, node.to()));
  }

  static Kernel permute(Permute node, KernelContext context) {
    long[] strides = node.x().strides();
    long[] permuted = node.order().stream().mapToLong(d -> strides[d]).toArray();
    Desc from = context.own(Desc.strided(node.y().shape(), permuted));
    Desc to = context.desc(node.y());
    return PrimitiveKernel.of(
        context.own(Primitive.reorder(node.name(), from, to)),
        new Operand(dnnl.DNNL_ARG_FROM, from, node.x()),
        new Operand(dnnl.DNNL_ARG_TO, to, node.y()));
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

    private final String name;
    private final int caller;
    private final Value value;
    private final boolean inward;
    private final Desc inside;
    private final Desc outside;
    private final Primitive reorder;

    WithCaller(String name, int caller, Value value, boolean inward, KernelContext context) {
      this.name = name;
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
      long here = workspace.address(value);
      dnnl_memory ours = workspace.memory(inside, here);
      dnnl_memory theirs = workspace.memory(outside, here);
      dnnl_exec_arg_t args = new dnnl_exec_arg_t(2);
      workspace.own(args::close);
      args.position(0).arg(dnnl.DNNL_ARG_FROM).memory(inward ? theirs : ours);
      args.position(1).arg(dnnl.DNNL_ARG_TO).memory(inward ? ours : theirs);
      args.position(0);
      return () -> {
        check(dnnl.dnnl_memory_set_data_handle(theirs, Address.of(workspace.caller(caller))), name);
        reorder.execute(workspace, 2, args);
      };
    }
  }
}
