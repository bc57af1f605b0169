package org.diffusion4j.engine.graph;

/** A copy of a weight in the layout that an engine's kernels want. */
public interface WeightCopy {

  /** The memory that it takes once it is allocated. */
  long bytes();

  boolean isAllocated();

  /** Whether it was made from weights before a version. */
  boolean isOlderThan(long version);

  /** Makes it again from the weights as they are now, a version of them. */
  void update(long version);
}
