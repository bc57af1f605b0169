package org.diffusion4j.engine.cpu;

import static org.diffusion4j.engine.cpu.OneDnn.check;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.cpu.Primitive.Argument;

/** A primitive bound to memory. */
final class BoundPrimitive implements Runnable {

  private final Primitive primitive;
  private final CpuWorkspace workspace;
  private final List<dnnl_memory> memories = new ArrayList<>();
  private final dnnl_exec_arg_t arguments;

  BoundPrimitive(Primitive primitive, CpuWorkspace workspace, List<Argument> bound) {
    this.primitive = primitive;
    this.workspace = workspace;
    arguments = new dnnl_exec_arg_t(bound.size());
    workspace.own(arguments::close);
    for (int i = 0; i < bound.size(); i++) {
      dnnl_memory memory = workspace.memory(bound.get(i).desc(), bound.get(i).address());
      memories.add(memory);
      arguments.position(i).arg(bound.get(i).role()).memory(memory);
    }
    arguments.position(0);
  }

  /** Moves an argument to another address for the next runs. */
  void move(int argument, long address) {
    check(dnnl.dnnl_memory_set_data_handle(memories.get(argument), Address.of(address)), "memory");
  }

  @Override
  public void run() {
    primitive.execute(workspace, memories.size(), arguments);
  }
}
