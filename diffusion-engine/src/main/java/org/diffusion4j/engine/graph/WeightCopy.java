package org.diffusion4j.engine.graph;

/** A copy of a weight in the layout of an engine's kernels. */
public interface WeightCopy {

  /** Its memory in bytes when it is allocated. */
  long bytes();

  boolean isAllocated();

  /** Whether it was copied from weights older than a version. */
  boolean isOlderThan(long version);

  /** Copies the current weights, which have the given version. */
  void update(long version);
}
