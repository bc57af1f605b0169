package org.diffusion4j.engine.cpu;

import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.WeightCopy;

/** A copy of a weight in the layout that oneDNN wants; kernels and programs share it. */
abstract class PackedWeight implements WeightCopy, AutoCloseable {

  private final String name;
  private final Desc desc;
  private volatile long version = -1;

  /**
   * @param name of the weight
   * @param layout of the copy for oneDNN; copied
   */
  PackedWeight(String name, Desc layout) {
    this.name = name;
    desc = layout.copy();
  }

  /** The name of the weight. */
  final String name() {
    return name;
  }

  /** The layout for oneDNN. */
  final Desc desc() {
    return desc;
  }

  /** Temporary memory that a kernel needs for this weight, in floats. */
  long scratch() {
    return 0;
  }

  /**
   * The address of the weight in its layout, while {@link #used} runs a kernel.
   *
   * @param scratch the address of the temporary memory
   */
  abstract long address(long scratch);

  /** A kernel's run, with what must precede it each time. */
  Runnable used(long scratch, Runnable kernel) {
    return kernel;
  }

  /** A kernel's argument for the weight. */
  final Primitive.Argument argument(long scratch) {
    return new Primitive.Argument(dnnl.DNNL_ARG_WEIGHTS, desc, address(scratch));
  }

  @Override
  public final boolean isOlderThan(long weightsVersion) {
    return version < weightsVersion;
  }

  @Override
  public final void update(long weightsVersion) {
    pack();
    version = weightsVersion;
  }

  /** Copies the current values. */
  abstract void pack();

  @Override
  public void close() {
    desc.close();
  }
}
