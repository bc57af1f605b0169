package org.diffusion4j.plan;

import static org.diffusion4j.plan.OneDnn.check;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.global.dnnl;

/**
 * An operation that oneDNN compiled for its shapes. Several workspaces run one at once, each on its
 * own memory.
 */
final class Primitive implements AutoCloseable {

  private final String what;
  private final dnnl_primitive_desc description;
  private final dnnl_primitive primitive;

  private Primitive(String what, dnnl_primitive_desc description) {
    this.what = what;
    this.description = description;
    primitive = new dnnl_primitive();
    check(dnnl.dnnl_primitive_create(primitive, description), what);
  }

  /** A function of oneDNN that describes an operation, given where to and with which attributes. */
  interface Describer {
    int describe(dnnl_primitive_desc description, dnnl_primitive_attr attributes);
  }

  static Primitive of(String what, Describer describer) {
    return of(what, attributes -> dnnl.dnnl_success, describer);
  }

  static Primitive of(
      String what, ToIntFunction<dnnl_primitive_attr> attribute, Describer describer) {
    dnnl_primitive_attr attributes = new dnnl_primitive_attr();
    check(dnnl.dnnl_primitive_attr_create(attributes), what);
    try {
      check(
          dnnl.dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl.dnnl_scratchpad_mode_user),
          what);
      check(attribute.applyAsInt(attributes), what);
      dnnl_primitive_desc description = new dnnl_primitive_desc();
      check(describer.describe(description, attributes), what);
      return new Primitive(what, description);
    } finally {
      dnnl.dnnl_primitive_attr_destroy(attributes);
    }
  }

  dnnl_primitive_desc description() {
    return description;
  }

  /** The layout of one of its arguments, which lives as long as the primitive. */
  Desc query(int query) {
    return Desc.borrowed(dnnl.dnnl_primitive_desc_query_md(description, query, 0));
  }

  /** Floats that it needs while it runs. */
  long scratch() {
    return query(dnnl.dnnl_query_scratchpad_md).floats();
  }

  /** One argument: what oneDNN calls it, its layout, and its address. */
  record Argument(int role, Desc desc, long address) {}

  /** The primitive on given memory. */
  Runnable bind(Workspace workspace, long scratchAddress, List<Argument> arguments) {
    List<Argument> all = new ArrayList<>(arguments);
    if (scratch() > 0) {
      all.add(
          new Argument(
              dnnl.DNNL_ARG_SCRATCHPAD, query(dnnl.dnnl_query_scratchpad_md), scratchAddress));
    }
    dnnl_exec_arg_t args = new dnnl_exec_arg_t(all.size());
    workspace.own(args::close);
    for (int i = 0; i < all.size(); i++) {
      dnnl_memory memory = workspace.memory(all.get(i).desc, all.get(i).address);
      args.position(i).arg(all.get(i).role).memory(memory);
    }
    args.position(0);
    int count = all.size();
    return () -> execute(workspace, count, args);
  }

  void execute(Workspace workspace, int count, dnnl_exec_arg_t args) {
    check(dnnl.dnnl_primitive_execute(primitive, workspace.stream(), count, args), what);
  }

  @Override
  public void close() {
    dnnl.dnnl_primitive_destroy(primitive);
    dnnl.dnnl_primitive_desc_destroy(description);
  }
}
