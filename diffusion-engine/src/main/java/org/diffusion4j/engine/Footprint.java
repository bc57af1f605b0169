package org.diffusion4j.plan;

import java.util.Set;

/**
 * What is known of a plan without having it.
 *
 * @param workspaceBytes native memory of one workspace
 * @param packed weights that must be up to date before a run
 * @param batchwise whether a part of a batch gives the same results as in the whole batch
 */
record Footprint(long workspaceBytes, Set<PackedWeight> packed, boolean batchwise) {}
