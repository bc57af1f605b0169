package org.diffusion4j.engine.cpu;

import java.util.List;

/** A node made ready for its shapes. What is native in it belongs to the {@link KernelContext}. */
interface Kernel {

  /** Floats that it needs only while it runs. */
  default long scratch() {
    return 0;
  }

  /** The copies of weights that it reads. */
  default List<PackedWeight> packed() {
    return List.of();
  }

  /**
   * The operation on the memory of one workspace.
   *
   * @param scratch the address of the memory that it needs while it runs
   */
  Runnable bind(CpuWorkspace workspace, long scratch);
}
