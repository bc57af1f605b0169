package org.diffusion4j.plan;

import static org.diffusion4j.plan.OneDnn.check;

import java.util.List;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Pointer;
import org.diffusion4j.internal.Address;

/**
 * A copy between a value and an array in C order: the caller's, which lies elsewhere in each run,
 * or another value.
 */
final class Transfer extends Node {

  private static final int IN_PLAN = -1;

  private final Value from;
  private final Value to;
  private final int caller;
  private final boolean inward;
  private final Desc descFrom;
  private final Desc descTo;
  private final Primitive reorder;

  private Transfer(String name, Value from, Value to, int caller, boolean inward) {
    super(
        name,
        caller == IN_PLAN || !inward ? List.of(from) : List.of(),
        caller == IN_PLAN || inward ? List.of(to) : List.of());
    this.from = from;
    this.to = to;
    this.caller = caller;
    this.inward = inward;
    descFrom = Desc.of(from);
    descTo = Desc.of(to);
    reorder = PackedWeight.reorder(name, descFrom, descTo);
  }

  /** From the caller's array number {@code caller}. */
  static Transfer load(int caller, Value to) {
    Value outside = Value.plain(to.name, to.type, to.shape());
    return new Transfer("load " + to.name, outside, to, caller, true);
  }

  /** To the caller's array number {@code caller}. */
  static Transfer store(int caller, Value from) {
    Value outside = Value.plain(from.name, from.type, from.shape());
    return new Transfer("store " + from.name, from, outside, caller, false);
  }

  /** To a value of the same shape in another layout. */
  static Transfer relayout(String name, Value from, Value to) {
    return new Transfer(name, from, to, IN_PLAN, false);
  }

  @Override
  void differentiate(Tape tape) {
    Value dx = from.likeThis(from.name + "-grad");
    tape.add(relayout(dx.name, tape.gradientOf(to), dx));
    tape.contribute(from, dx);
  }

  @Override
  Runnable bind(Workspace workspace) {
    if (caller == IN_PLAN) {
      return reorder.bind(
          workspace,
          workspace.scratchAddress(this),
          List.of(
              new Primitive.Argument(dnnl.DNNL_ARG_FROM, descFrom, workspace.address(from)),
              new Primitive.Argument(dnnl.DNNL_ARG_TO, descTo, workspace.address(to))));
    }
    long here = workspace.address(inward ? to : from);
    if ((inward ? to : from).isPlain()) {
      long bytes = to.length() * Float.BYTES;
      Pointer ours = Address.of(here);
      return () -> {
        Pointer theirs = Address.of(workspace.caller(caller));
        Pointer.memcpy(inward ? ours : theirs, inward ? theirs : ours, bytes);
      };
    }
    dnnl_memory outside = workspace.memory(inward ? descFrom : descTo, here);
    dnnl_memory inside = workspace.memory(inward ? descTo : descFrom, here);
    dnnl_exec_arg_t args = new dnnl_exec_arg_t(2);
    workspace.own(args::close);
    args.position(0).arg(dnnl.DNNL_ARG_FROM).memory(inward ? outside : inside);
    args.position(1).arg(dnnl.DNNL_ARG_TO).memory(inward ? inside : outside);
    args.position(0);
    return () -> {
      check(
          dnnl.dnnl_memory_set_data_handle(outside, Address.of(workspace.caller(caller))), name());
      reorder.execute(workspace, 2, args);
    };
  }

  @Override
  long scratch() {
    return reorder.scratch();
  }

  @Override
  public void close() {
    reorder.close();
    descFrom.close();
    descTo.close();
  }
}
