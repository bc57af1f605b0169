package org.diffusion4j.internal.nn;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.PlannedGraph;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.GraphExecutor;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.engine.samediff.SessionGraph;
import org.diffusion4j.internal.common.Detached;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.array.SingleThreadArrayHolder;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Chooses how a graph is run: as a plan if possible, with any number of simultaneous calls,
 * otherwise in SameDiff's session, one call at a time. Owns the graph's arrays unless it shares
 * them.
 */
public final class GraphRunner implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(GraphRunner.class);

  /** The system property that disables plans if it is {@code session}. */
  public static final String PROPERTY = "diffusion4j.executor";

  private final SameDiff graph;
  private final @Nullable GraphExecutor planned;
  private final GraphExecutor session;
  private final AtomicBoolean saidWhy = new AtomicBoolean();
  private final List<String> dropouts = new ArrayList<>();
  private final boolean ownsArrays;
  private final @Nullable WeightSource frozen;
  private @Nullable SameDiff scratch;
  private volatile boolean closed;

  public GraphRunner(SameDiff graph) {
    this(graph, 0);
  }

  /**
   * @param dropout the probability of dropping a value; if positive, placeholders whose names end
   *     in {@link Graphs#DROPOUT} are masks
   */
  public GraphRunner(SameDiff graph, double dropout) {
    this(graph, dropout, true);
  }

  /** Runs a graph whose arrays belong to others: {@link #close} leaves them open. */
  public static GraphRunner sharing(SameDiff graph) {
    return new GraphRunner(graph, 0, false);
  }

  /**
   * @param dropout the probability of dropping a value, as for the other constructor
   * @param ownsArrays whether {@link #close} closes the graph's arrays
   */
  public GraphRunner(SameDiff graph, double dropout, boolean ownsArrays) {
    this.graph = graph;
    this.ownsArrays = ownsArrays;
    for (SDVariable variable : graph.variables()) {
      if (dropout > 0 && variable.isPlaceHolder() && variable.name().endsWith(Graphs.DROPOUT)) {
        dropouts.add(variable.name());
      }
    }
    session = new SessionGraph(graph, () -> copy(graph), dropouts);
    frozen = ownsArrays ? Frozen.take() : null;
    planned = frozen == null ? planned() : planned(frozen);
  }

  /** Closes the weights if there is no plan. */
  private GraphExecutor planned(WeightSource source) {
    boolean done = false;
    try {
      GraphExecutor plan = PlannedGraph.frozen(graph, dropouts, source).orElseThrow();
      done = true;
      return plan;
    } finally {
      if (!done) {
        source.close();
      }
    }
  }

  private @Nullable GraphExecutor planned() {
    return "session".equals(System.getProperty(PROPERTY))
        ? null
        : PlannedGraph.of(graph, this::scratch, dropouts).orElse(null);
  }

  /** A copy with the same arrays. */
  public static SameDiff copy(SameDiff graph) {
    SameDiff copy = SameDiff.create();
    copy.setArrayHolders(new SingleThreadArrayHolder(), new SingleThreadArrayHolder(), false);
    graph.invokeGraphOn(copy);
    return copy;
  }

  /** The copy to which plans add the gradients of operations. */
  public synchronized SameDiff scratch() {
    SameDiff made = scratch;
    if (made == null) {
      made = copy(graph);
      scratch = made;
    }
    return made;
  }

  /** Calls the plan, or the session if there is no plan, which is logged once. */
  private <T> T run(Function<GraphExecutor, T> call) {
    requireOpen();
    GraphExecutor plan = planned;
    if (plan != null) {
      try {
        return call.apply(plan);
      } catch (UnplannableException e) {
        if (frozen != null) {
          throw new IllegalStateException(
              "a frozen model must run as a plan but has none: " + e.getMessage(), e);
        }
        // A call without a plan may have one with another batch size.
        if (!saidWhy.getAndSet(true)) {
          LOG.info("the graph runs in SameDiff's session: {}", e.getMessage());
        }
      }
    }
    return call.apply(session);
  }

  /** The frozen weights, which belong to this; null if the graph has arrays for its weights. */
  public @Nullable WeightSource frozen() {
    return frozen;
  }

  /** The shapes of the frozen weights by name; empty if the graph has arrays for its weights. */
  public Map<String, long[]> frozenShapes() {
    return frozen == null ? Map.of() : frozen.shapes();
  }

  /**
   * Checks that the graph has arrays for its weights.
   *
   * @param what needs them
   * @throws IllegalStateException if they are frozen
   */
  public void requireArrays(String what) {
    if (frozen != null) {
      throw new IllegalStateException(
          what
              + " must be those of a model that can change but this one was loaded frozen;"
              + " load reads one that can be changed and saved");
    }
  }

  public boolean isClosed() {
    return closed;
  }

  /** {@link GraphExecutor#heldBytes} of plans; 0 without them. */
  public long planBytes() {
    return planned == null ? 0 : planned.heldBytes();
  }

  /** {@link GraphExecutor#releaseIdle}. */
  public void releaseIdle() {
    if (planned != null) {
      planned.releaseIdle();
    }
  }

  /** Whether all calls so far ran as plans. */
  public boolean isPlanned() {
    return planned != null && !saidWhy.get();
  }

  /**
   * @param shape of the output
   */
  public INDArray output(Map<String, INDArray> inputs, long[] shape) {
    return output(inputs, shape, Precision.FLOAT32);
  }

  /**
   * @param shape of the output
   * @param precision of convolutions, in plans only
   */
  public INDArray output(Map<String, INDArray> inputs, long[] shape, Precision precision) {
    Map<String, INDArray> outputs = outputs(inputs, Map.of(Graphs.OUTPUT, shape), precision);
    return Objects.requireNonNull(outputs.get(Graphs.OUTPUT));
  }

  /**
   * @param results shapes of the results by name
   */
  public Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Map<String, long[]> results, Precision precision) {
    return Detached.get(() -> run(executor -> executor.outputs(inputs, results, precision)));
  }

  /** The mean squared error for a target, and its gradients. */
  public LossGradients gradients(
      Map<String, INDArray> inputs, INDArray target, Collection<String> of) {
    SampleLoss loss = SampleLoss.meanSquaredError(target);
    return gradients(inputs, target.shape(), loss, null, of);
  }

  /**
   * @param shape of the output
   * @param dropout which values are dropped, or null to keep everything
   */
  public LossGradients gradients(
      Map<String, INDArray> inputs,
      long[] shape,
      SampleLoss loss,
      @Nullable DropoutMasks dropout,
      Collection<String> of) {
    DropoutMasks masks = dropouts.isEmpty() ? null : dropout;
    requireArrays("gradients");
    // Between two requests for gradients of weights these were probably changed.
    boolean ofWeights = !of.equals(List.of(Graphs.SAMPLE));
    if (ofWeights) {
      weightsChanged();
    }
    LossGradients gradients =
        Detached.get(
            () ->
                run(executor -> executor.gradients(inputs, Graphs.OUTPUT, shape, loss, masks, of)));
    return new LossGradients(
        gradients.losses(),
        gradients.gradients(),
        () -> {
          gradients.close();
          if (ofWeights) {
            weightsChanged();
          }
        });
  }

  /** {@link GraphExecutor#bytes} of the output, or of its gradients; empty for a session. */
  public OptionalLong bytes(Map<String, long[]> inputs, long[] shape, Collection<String> of) {
    requireOpen();
    GraphExecutor plan = planned;
    if (plan == null) {
      return OptionalLong.empty();
    }
    try {
      return Detached.get(() -> plan.bytes(inputs, Map.of(Graphs.OUTPUT, shape), of));
    } catch (UnplannableException e) {
      return OptionalLong.empty();
    }
  }

  /** Records that the weights may have been changed. */
  public void weightsChanged() {
    if (planned != null && frozen == null) {
      planned.weightsChanged();
    }
  }

  public void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }

  @Override
  public void close() {
    if (planned != null) {
      planned.close();
    }
    session.close();
    synchronized (this) {
      if (!closed) {
        closed = true;
        if (ownsArrays) {
          closeArrays();
        }
      }
    }
  }

  private void closeArrays() {
    for (SDVariable variable : graph.variables()) {
      INDArray array = variable.isPlaceHolder() ? null : variable.getArr();
      if (array != null && array.closeable()) {
        array.close();
      }
    }
  }
}
