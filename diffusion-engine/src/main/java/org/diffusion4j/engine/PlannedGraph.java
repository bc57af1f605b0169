package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.Call;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.GraphExecutor;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.WeightCopy;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.graph.Workspace;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.MemoryLedger;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A SameDiff graph that runs as plans. A batch is divided among the processors; each runs a plan
 * for its part.
 */
public final class PlannedGraph implements GraphExecutor {

  private static final Logger LOG = LoggerFactory.getLogger(PlannedGraph.class);

  private final Source source;
  private final Weights weights;
  private final Engine engine;
  private final Workers workers;
  private final PlanCache plans;
  private final Packing packing;
  private final BatchMemory memory;

  private PlannedGraph(
      Source source, Weights weights, Engine engine, MemoryLedger ledger, Workers workers) {
    this.source = source;
    this.weights = weights;
    this.engine = engine;
    this.workers = workers;
    PlanMaker maker = new PlanMaker(source, weights, engine, workers);
    plans = new PlanCache(maker::plan, workers.threads());
    packing = new Packing(workers);
    memory = new BatchMemory(plans, ledger, workers);
  }

  /**
   * Plans a graph if possible: on the CPU, with oneDNN, with variables of type FLOAT in C order.
   * The variables keep their arrays.
   *
   * @param gradientGraph creates a copy of the graph, to which gradients are added, if necessary
   */
  public static Optional<PlannedGraph> of(SameDiff graph, Supplier<SameDiff> gradientGraph) {
    return of(graph, gradientGraph, List.of());
  }

  /**
   * {@link #of(SameDiff, Supplier)} of a graph with dropout.
   *
   * @param dropouts placeholders for masks, each the second factor of an image; calls pass no
   *     arrays for them
   */
  public static Optional<PlannedGraph> of(
      SameDiff graph, Supplier<SameDiff> gradientGraph, List<String> dropouts) {
    return of(new Source(graph, gradientGraph, dropouts), NativeMemory.ledger(), Workers.shared());
  }

  /**
   * Plans a graph for forward runs only, whose variables have no arrays.
   *
   * @param dropouts placeholders for masks, as for the other method
   * @param frozen the values of the variables; closed with this
   */
  public static Optional<PlannedGraph> frozen(
      SameDiff graph, List<String> dropouts, WeightSource frozen) {
    Source source = new Source(graph, () -> graph, dropouts);
    return frozen(source, frozen, NativeMemory.ledger(), Workers.shared());
  }

  static Optional<PlannedGraph> frozen(
      Source source, WeightSource frozen, MemoryLedger ledger, Workers workers) {
    Map<String, INDArray> constants = arrays(source, VariableType.CONSTANT);
    return of(source, new Weights(frozen, plain(constants)), ledger, workers);
  }

  static Optional<PlannedGraph> of(Source source, MemoryLedger ledger, Workers workers) {
    Map<String, INDArray> variables = arrays(source, VariableType.VARIABLE);
    for (INDArray array : variables.values()) {
      if (array.dataType() != DataType.FLOAT || !Address.isPlain(array)) {
        LOG.info("a graph with variables of type {} runs in a session", array.dataType());
        return Optional.empty();
      }
    }
    Map<String, INDArray> constants = arrays(source, VariableType.CONSTANT);
    return of(source, new Weights(variables, plain(constants)), ledger, workers);
  }

  private static Optional<PlannedGraph> of(
      Source source, Weights weights, MemoryLedger ledger, Workers workers) {
    return CpuEngine.of(weights)
        .map(engine -> new PlannedGraph(source, weights, engine, ledger, workers));
  }

  private static Map<String, INDArray> arrays(Source source, VariableType type) {
    Map<String, INDArray> arrays = new LinkedHashMap<>();
    for (SDVariable variable : source.graph().variables()) {
      INDArray array = variable.getVariableType() == type ? variable.getArr() : null;
      if (array != null) {
        arrays.put(variable.name(), array);
      }
    }
    return arrays;
  }

  private static Map<String, INDArray> plain(Map<String, INDArray> constants) {
    constants.replaceAll((name, array) -> Address.isPlain(array) ? array : array.dup('c'));
    return constants;
  }

  @Override
  public void weightsChanged() {
    weights.changed();
  }

  @Override
  public Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Map<String, long[]> results, Precision precision) {
    Goal goal = Goal.forward(results.keySet(), precision);
    try (CallerArrays arrays =
            new CallerArrays(inputs, source::placeholder, results, results.keySet());
        Held held = new Held(plans)) {
      run(held, arrays, goal, Call.FORWARD);
      return arrays.takeResults();
    }
  }

  @Override
  public LossGradients gradients(
      Map<String, INDArray> inputs,
      String result,
      long[] shape,
      SampleLoss loss,
      @Nullable DropoutMasks masks,
      Collection<String> of) {
    Map<String, long[]> results = new LinkedHashMap<>();
    Set<String> written = new LinkedHashSet<>();
    results.put(result, shape);
    for (String wanted : of) {
      INDArray input = inputs.get(wanted);
      if (input != null) {
        requireBatched(wanted);
        results.put(NodeGraph.gradientName(wanted), input.shape());
        written.add(NodeGraph.gradientName(wanted));
      }
    }
    Held held = new Held(plans);
    try (CallerArrays arrays = new CallerArrays(inputs, source::placeholder, results, written)) {
      Losses losses = new Losses(loss, arrays.batch());
      Goal goal = Goal.gradients(result, of, masks != null);
      Workspace sum = Objects.requireNonNull(run(held, arrays, goal, new Call(losses, masks)));
      held.giveBackIdle();
      INDArray flat = sum.gradient();
      Map<String, INDArray> own = arrays.takeResults();
      Map<String, INDArray> gradients = new LinkedHashMap<>();
      for (String wanted : of) {
        INDArray gradient = own.get(NodeGraph.gradientName(wanted));
        gradients.put(
            wanted,
            gradient != null
                ? gradient
                : Address.view(flat, weights.offset(wanted), weights.shape(wanted)));
      }
      return new LossGradients(
          losses,
          gradients,
          () -> {
            held.close();
            own.values().forEach(INDArray::close);
          });
    } catch (RuntimeException | Error e) {
      held.close();
      throw e;
    }
  }

  /**
   * Parts of a batch write their own rows of an input's gradient; other gradients would have to be
   * summed.
   */
  private void requireBatched(String input) {
    if (!source.placeholder(input).batched()) {
      throw new UnplannableException("all samples share " + input + ", whose gradient is wanted");
    }
  }

  @Override
  public OptionalLong bytes(
      Map<String, long[]> inputs, Map<String, long[]> results, Collection<String> of) {
    // Gradients of weights are those of a training step; those of inputs are without dropout.
    boolean drops = !source.dropouts().isEmpty() && !inputs.keySet().containsAll(of);
    Goal goal =
        of.isEmpty()
            ? Goal.forward(results.keySet(), Precision.FLOAT32)
            : Goal.gradients(results.keySet().iterator().next(), of, drops);
    BatchShapes shapes = new BatchShapes(source::placeholder);
    results.forEach(shapes::result);
    for (String wanted : of) {
      long[] input = inputs.get(wanted);
      if (input != null) {
        requireBatched(wanted);
        shapes.result(NodeGraph.gradientName(wanted), input);
      }
    }
    inputs.forEach(shapes::input);
    Division division =
        Division.of(
            shapes.batch(),
            shapes.divisible(),
            workers,
            (size, threads) -> new PlanCache.Key(shapes.part(size), threads, goal),
            plans::footprint);
    return OptionalLong.of(memory.bytes(division));
  }

  /** A part of a batch after its run. */
  private record Run(PlanCache.Key key, Workspace workspace) {}

  /**
   * Runs a batch.
   *
   * @param held receives the plans and the workspaces
   * @return the workspace with the gradients of all parts, if there are any
   */
  private @Nullable Workspace run(Held held, CallerArrays arrays, Goal goal, Call call) {
    Division.KeyOfPart keys = (size, threads) -> arrays.key(size, threads, goal);
    Division division =
        Division.of(arrays.batch(), arrays.shapes().divisible(), workers, keys, held::footprint);
    Map<PlanCache.Key, Integer> wanted = division.workspaces();
    Set<WeightCopy> packed = new LinkedHashSet<>();
    wanted.keySet().forEach(key -> packed.addAll(held.footprint(key).packed()));
    long version = weights.version();
    List<WeightCopy> old = packing.enter(packed, version);
    try {
      memory.take(held, arrays, keys, wanted, old, version);
      packing.written(old);
      old.clear();
      return run(held, arrays, division, call);
    } finally {
      packing.leave(packed, old);
    }
  }

  /** Runs the parts, as many at a time as there are threads. */
  private @Nullable Workspace run(Held held, CallerArrays arrays, Division division, Call call) {
    Run first = null;
    for (int start = 0; start < division.count(); start += division.atOnce()) {
      List<Callable<Run>> tasks = new ArrayList<>();
      int end = Math.min(division.count(), start + division.atOnce());
      for (int part = start; part < end; part++) {
        PlanCache.Key key = division.key(part);
        int from = division.from(part);
        tasks.add(() -> run(held, key, arrays, call, from));
      }
      List<Run> runs = new ArrayList<>(workers.run(division.openMp(), tasks));
      if (first == null) {
        first = runs.remove(0);
      }
      if (call.losses() == null) {
        held.giveBack(first.key, first.workspace);
        first = null;
      } else {
        List<INDArray> gradients = runs.stream().map(run -> run.workspace.gradient()).toList();
        WeightLoops.add(first.workspace.gradient(), gradients);
      }
      runs.forEach(run -> held.giveBack(run.key, run.workspace));
    }
    return first == null ? null : first.workspace;
  }

  private static Run run(Held held, PlanCache.Key key, CallerArrays arrays, Call call, int from) {
    Workspace workspace = held.workspace(key);
    arrays.show(held.plan(key), workspace, from);
    workspace.run(call, from);
    return new Run(key, workspace);
  }

  @Override
  public void releaseIdle() {
    plans.releaseIdle();
  }

  @Override
  public long heldBytes() {
    return plans.bytes() + engine.weightCopyBytes();
  }

  @Override
  public void close() {
    packing.close();
    plans.close();
    engine.close();
    weights.close();
  }
}
