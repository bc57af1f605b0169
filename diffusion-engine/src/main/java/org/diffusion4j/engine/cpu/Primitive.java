package org.diffusion4j.engine.cpu;

import static org.diffusion4j.engine.cpu.OneDnn.check;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntFunction;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.global.dnnl;

/**
 * An operation that oneDNN compiled for its shapes. Several workspaces can run it at the same time,
 * each with its own memory.
 */
final class Primitive implements AutoCloseable {

  private final String what;
  private final Description description;
  private final dnnl_primitive primitive = new dnnl_primitive();

  private Primitive(String what, Description description) {
    this.what = what;
    this.description = description;
    check(dnnl.dnnl_primitive_create(primitive, description.handle), what);
  }

  /** A function of oneDNN that describes an operation, with its output argument and attributes. */
  interface Describer {
    int describe(dnnl_primitive_desc description, dnnl_primitive_attr attributes);
  }

  /** An operation that is described but not compiled; descriptions of gradients refer to it. */
  record Description(dnnl_primitive_desc handle) implements AutoCloseable {

    static Description of(
        String what, ToIntFunction<dnnl_primitive_attr> attribute, Describer describer) {
      dnnl_primitive_attr attributes = new dnnl_primitive_attr();
      check(dnnl.dnnl_primitive_attr_create(attributes), what);
      try {
        check(
            dnnl.dnnl_primitive_attr_set_scratchpad_mode(
                attributes, dnnl.dnnl_scratchpad_mode_user),
            what);
        check(attribute.applyAsInt(attributes), what);
        dnnl_primitive_desc handle = new dnnl_primitive_desc();
        check(describer.describe(handle, attributes), what);
        return new Description(handle);
      } finally {
        dnnl.dnnl_primitive_attr_destroy(attributes);
      }
    }

    @Override
    public void close() {
      dnnl.dnnl_primitive_desc_destroy(handle);
    }
  }

  /** Describes an operation without attributes. */
  static Description describe(String what, Describer describer) {
    return Description.of(what, attributes -> dnnl.dnnl_success, describer);
  }

  static Primitive of(String what, Describer describer) {
    return of(what, attributes -> dnnl.dnnl_success, describer);
  }

  static Primitive of(
      String what, ToIntFunction<dnnl_primitive_attr> attribute, Describer describer) {
    Description description = Description.of(what, attribute, describer);
    try {
      return new Primitive(what, description);
    } catch (RuntimeException | Error e) {
      description.close();
      throw e;
    }
  }

  /** A copy from one layout to another. */
  static Primitive reorder(String what, Desc from, Desc to) {
    return of(
        "reorder of " + what,
        (pd, attributes) ->
            dnnl.dnnl_reorder_primitive_desc_create(
                pd, from.handle(), OneDnn.engine(), to.handle(), OneDnn.engine(), attributes));
  }

  /** Adds an operation on each value of a result as it is written. */
  static int then(dnnl_primitive_attr attributes, ToIntFunction<dnnl_post_ops> operations) {
    dnnl_post_ops then = new dnnl_post_ops();
    int status = dnnl.dnnl_post_ops_create(then);
    status |= operations.applyAsInt(then);
    status |= dnnl.dnnl_primitive_attr_set_post_ops(attributes, then);
    dnnl.dnnl_post_ops_destroy(then);
    return status;
  }

  /** The layout of one of its arguments; valid as long as the primitive. */
  Desc query(int query) {
    return Desc.borrowed(dnnl.dnnl_primitive_desc_query_md(description.handle, query, 0));
  }

  /** Temporary memory in floats. */
  long scratch() {
    return query(dnnl.dnnl_query_scratchpad_md).floats();
  }

  /** An argument: its role in oneDNN, its layout and its address. */
  record Argument(int role, Desc desc, long address) {}

  /** The primitive bound to memory. */
  BoundPrimitive bind(CpuWorkspace workspace, long scratchAddress, List<Argument> arguments) {
    List<Argument> all = new ArrayList<>(arguments);
    if (scratch() > 0) {
      all.add(
          new Argument(
              dnnl.DNNL_ARG_SCRATCHPAD, query(dnnl.dnnl_query_scratchpad_md), scratchAddress));
    }
    return new BoundPrimitive(this, workspace, all);
  }

  void execute(CpuWorkspace workspace, int count, dnnl_exec_arg_t args) {
    check(dnnl.dnnl_primitive_execute(primitive, workspace.stream(), count, args), what);
  }

  @Override
  public void close() {
    dnnl.dnnl_primitive_destroy(primitive);
    description.close();
  }
}
