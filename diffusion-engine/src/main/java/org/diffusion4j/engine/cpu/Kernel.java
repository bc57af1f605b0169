package org.diffusion4j.engine.cpu;

import java.util.List;

/**
 * The implementation of a node for its shapes. The {@link KernelContext} owns its native objects.
 */
interface Kernel {

  /** Temporary memory in floats. */
  default long scratch() {
    return 0;
  }

  /** The copies of weights that it reads. */
  default List<PackedWeight> packed() {
    return List.of();
  }

  /**
   * The operation bound to the memory of a workspace.
   *
   * @param scratch the address of its temporary memory
   */
  Runnable bind(CpuWorkspace workspace, long scratch);
}
