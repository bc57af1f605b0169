package org.diffusion4j.engine;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.TooLargeException;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.SameDiffPlanner;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.MemoryRefusedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the plans of a graph. */
final class PlanMaker {

  private static final Logger LOG = LoggerFactory.getLogger(PlanMaker.class);

  private final Source source;
  private final Weights weights;
  private final Engine engine;
  private final Workers workers;

  /** SameDiff graphs must be read and differentiated by one thread at a time. */
  private final Object planning = new Object();

  PlanMaker(Source source, Weights weights, Engine engine, Workers workers) {
    this.source = source;
    this.weights = weights;
    this.engine = engine;
    this.workers = workers;
  }

  /**
   * Creates a plan.
   *
   * @throws UnplannableException if only SameDiff's session can run the graph
   * @throws TooLargeException if only a smaller batch can have a plan
   */
  Plan plan(PlanCache.Key key) {
    Map<String, long[]> inputs = new LinkedHashMap<>();
    key.shapes().forEach((name, shape) -> inputs.put(name, sizes(shape)));
    Map<String, long[]> results = new LinkedHashMap<>();
    for (String name : key.goal().results()) {
      results.put(name, Objects.requireNonNull(inputs.remove(name), name));
    }
    key.goal().of().forEach(name -> inputs.remove(NodeGraph.gradientName(name)));
    // oneDNN adapts an operation to the number of threads at its creation.
    return workers.alone(
        key.threads(),
        () -> {
          synchronized (planning) {
            return plan(inputs, key.goal(), results);
          }
        });
  }

  private static long[] sizes(List<Long> shape) {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }

  private Plan plan(Map<String, long[]> inputs, Goal goal, Map<String, long[]> results) {
    try {
      return Plan.of(SameDiffPlanner.plan(weights, source, inputs, goal, results), engine);
    } catch (UnplannableException
        | TooLargeException
        | MemoryRefusedException
        | IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.warn("a plan could not be made", e);
      throw new UnplannableException("a plan could not be made: " + e);
    }
  }
}
