package org.diffusion4j.engine.graph;

import java.util.Set;

/** Compiled nodes. Immutable; runs in any number of workspaces. */
public interface Program extends AutoCloseable {

  /** The native memory of one workspace, in bytes. */
  long workspaceBytes();

  /** Allocates a workspace. */
  Workspace workspace();

  /** The copies of weights that must be up to date before a run. */
  Set<? extends WeightCopy> weightCopies();

  /** Frees the kernels. */
  @Override
  void close();
}
