package org.diffusion4j.engine;

import java.util.Set;
import org.diffusion4j.engine.graph.WeightCopy;

/**
 * What is known of a plan without having it.
 *
 * @param workspaceBytes native memory of one workspace
 * @param packed weights that must be up to date before a run
 * @param batchwise whether a part of a batch gives the same results as in the whole batch
 */
record Footprint(long workspaceBytes, Set<? extends WeightCopy> packed, boolean batchwise) {}
