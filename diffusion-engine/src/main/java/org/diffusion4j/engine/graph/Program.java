package org.diffusion4j.engine.graph;

import java.util.Set;

/** Nodes that an engine has made ready. Immutable; runs in as many workspaces as are wanted. */
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
