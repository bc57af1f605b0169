package org.diffusion4j.engine;

import java.util.Set;
import org.diffusion4j.engine.graph.WeightCopy;

/**
 * Properties of a plan that {@link PlanCache} remembers after the plan is closed.
 *
 * @param workspaceBytes native memory of one workspace
 * @param packed packed weights that must be up to date before a run
 * @param divisible whether results of a part of a batch equal those in the whole batch
 */
record Footprint(long workspaceBytes, Set<? extends WeightCopy> packed, boolean divisible) {}
