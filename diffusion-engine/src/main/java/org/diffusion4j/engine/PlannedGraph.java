package org.diffusion4j.engine;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.engine.cpu.Workers;
import org.diffusion4j.engine.graph.Call;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.graph.NodeGraph;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.TooLargeException;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.WeightCopy;
import org.diffusion4j.engine.graph.Weights;
import org.diffusion4j.engine.graph.Workspace;
import org.diffusion4j.engine.samediff.Goal;
import org.diffusion4j.engine.samediff.SameDiffPlanner;
import org.diffusion4j.engine.samediff.Source;
import org.diffusion4j.internal.common.MemoryLedger;
import org.diffusion4j.internal.common.MemoryRefusedException;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A SameDiff graph that runs as plans. A batch is divided among the processors, each of which runs
 * a plan for its part. Any number of threads may call at once.
 */
public final class PlannedGraph implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PlannedGraph.class);

  /** Results and copies that are smaller are not worth a question: the gate keeps a margin. */
  private static final long GATED_BYTES = 1 << 20;

  private final Source source;
  private final Weights weights;
  private final Engine engine;
  private final MemoryLedger memory;
  private final Workers workers;
  private final PlanCache plans;
  private final Packing packing;

  /** Graphs of SameDiff are read, and differentiated, by one thread at a time. */
  private final Object planning = new Object();

  private PlannedGraph(
      Source source, Weights weights, Engine engine, MemoryLedger memory, Workers workers) {
    this.source = source;
    this.weights = weights;
    this.engine = engine;
    this.memory = memory;
    this.workers = workers;
    plans = new PlanCache(this::plan, workers.threads());
    packing = new Packing(workers);
  }

  /**
   * Plans a graph if that can be done here: on the CPU, with oneDNN, with variables of type FLOAT
   * in C order. The variables keep their arrays.
   *
   * @param gradientGraph gives a copy of the graph, to which gradients are added, if it is needed
   */
  public static Optional<PlannedGraph> of(SameDiff graph, Supplier<SameDiff> gradientGraph) {
    return of(graph, gradientGraph, List.of());
  }

  /**
   * {@link #of(SameDiff, Supplier)} of a graph with dropout.
   *
   * @param dropouts placeholders, each the second factor of an image, that stand for masks; no
   *     arrays are given for them
   */
  public static Optional<PlannedGraph> of(
      SameDiff graph, Supplier<SameDiff> gradientGraph, List<String> dropouts) {
    return of(new Source(graph, gradientGraph, dropouts), NativeMemory.ledger(), Workers.shared());
  }

  static Optional<PlannedGraph> of(Source source, MemoryLedger memory, Workers workers) {
    if (!CpuEngine.isAvailable()) {
      return Optional.empty();
    }
    Map<String, INDArray> variables = new LinkedHashMap<>();
    Map<String, INDArray> constants = new LinkedHashMap<>();
    for (SDVariable variable : source.graph().variables()) {
      INDArray array = variable.isPlaceHolder() ? null : variable.getArr();
      if (array != null) {
        switch (variable.getVariableType()) {
          case VARIABLE -> variables.put(variable.name(), array);
          case CONSTANT -> constants.put(variable.name(), array);
          default -> {}
        }
      }
    }
    for (INDArray array : variables.values()) {
      if (array.dataType() != DataType.FLOAT || !Address.isPlain(array)) {
        LOG.info("a graph with variables of type {} runs in a session", array.dataType());
        return Optional.empty();
      }
    }
    constants.replaceAll((name, array) -> Address.isPlain(array) ? array : array.dup('c'));
    Weights weights = new Weights(variables, constants);
    return CpuEngine.of(weights)
        .map(engine -> new PlannedGraph(source, weights, engine, memory, workers));
  }

  /** Says that the variables were written to: the next run reads them anew. */
  public void weightsChanged() {
    weights.changed();
  }

  /**
   * Computes a result.
   *
   * @param placeholders arrays of one batch size
   * @param precision of convolutions
   * @param name of the result
   * @param shape of the result, the batch first
   * @return owned by the caller
   * @throws UnplannableException if only SameDiff's session can run the graph
   * @throws IllegalStateException if this is closed, or if there is too little memory
   */
  public INDArray output(
      Map<String, INDArray> placeholders, Precision precision, String name, long... shape) {
    Goal goal = Goal.result(name, precision);
    try (CallerArrays arrays = new CallerArrays(placeholders, Map.of(name, shape));
        Held held = new Held(plans)) {
      run(held, arrays, goal, shape, Call.FORWARD);
      return Objects.requireNonNull(arrays.takeResults().get(name));
    }
  }

  /**
   * Computes a loss of a result and its gradients.
   *
   * @param placeholders arrays of one batch size
   * @param name of the result
   * @param shape of the result, the batch first
   * @param loss asked about each sample once, by several threads
   * @param masks of dropouts, or null to keep everything
   * @param of names of variables and placeholders
   * @throws UnplannableException if only SameDiff's session can run the graph
   * @throws IllegalStateException if this is closed, or if there is too little memory
   */
  public Result gradients(
      Map<String, INDArray> placeholders,
      String name,
      long[] shape,
      SampleLoss loss,
      @Nullable DropoutMasks masks,
      Collection<String> of) {
    Map<String, long[]> written = new LinkedHashMap<>();
    for (String input : of) {
      INDArray placeholder = placeholders.get(input);
      if (placeholder != null) {
        written.put(NodeGraph.gradientName(input), placeholder.shape());
      }
    }
    Held held = new Held(plans);
    try (CallerArrays arrays = new CallerArrays(placeholders, written)) {
      Losses losses = new Losses(loss, arrays.batch());
      Goal goal = Goal.gradients(name, of, masks != null);
      Call call = new Call(losses, masks);
      Workspace sum = Objects.requireNonNull(run(held, arrays, goal, shape, call));
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
                : Address.view(flat, weights.offset(wanted), weights.array(wanted).shape()));
      }
      return new Result(losses, gradients, held, own.values());
    } catch (RuntimeException | Error e) {
      held.close();
      throw e;
    }
  }

  /** Adds the gradients of runs to those of the first. */
  private static void addUp(Run first, List<Run> others) {
    if (!others.isEmpty()) {
      List<List<INDArray>> read = new ArrayList<>();
      others.forEach(run -> read.add(List.of(run.workspace.gradient())));
      WeightLoops.run(
          List.of(List.of(first.workspace.gradient())),
          read,
          (pieces, n) -> {
            for (int i = 1; i < pieces.length; i++) {
              for (int k = 0; k < n; k++) {
                pieces[0][k] += pieces[i][k];
              }
            }
            return 0;
          });
    }
  }

  /** The losses and their gradients, which lie in memory that is used again once this is closed. */
  public static final class Result implements AutoCloseable {

    private final Losses losses;
    private final Map<String, INDArray> gradients;
    private final Held held;
    private final Collection<INDArray> own;
    private boolean closed;

    private Result(
        Losses losses, Map<String, INDArray> gradients, Held held, Collection<INDArray> own) {
      this.losses = losses;
      this.gradients = gradients;
      this.held = held;
      this.own = own;
    }

    public Losses losses() {
      return losses;
    }

    /** The gradients by name. */
    public Map<String, INDArray> gradients() {
      return gradients;
    }

    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        held.close();
        own.forEach(INDArray::close);
      }
    }
  }

  /**
   * The native memory that a call takes at its peak, in bytes, beyond the variables and the arrays
   * of the caller. Nothing of it is allocated to find out.
   *
   * @param shapes of the placeholders, and of the result, the batch first
   * @param result the name of what is computed
   * @param of what the gradients are wanted of, empty for a forward run
   * @throws UnplannableException if only SameDiff's session can run the graph
   */
  public long bytes(Map<String, long[]> shapes, String result, Collection<String> of) {
    int batch = Math.toIntExact(shapes.values().iterator().next()[0]);
    boolean drops = !source.dropouts().isEmpty();
    Goal goal =
        of.isEmpty() ? Goal.result(result, Precision.FLOAT32) : Goal.gradients(result, of, drops);
    Division.KeyOfPart keys =
        (size, threads) -> {
          Map<String, List<Long>> part = new LinkedHashMap<>();
          shapes.forEach(
              (name, shape) -> {
                List<Long> sizes = new ArrayList<>();
                sizes.add((long) size);
                for (int d = 1; d < shape.length; d++) {
                  sizes.add(shape[d]);
                }
                part.put(name, sizes);
              });
          return new PlanCache.Key(part, threads, goal);
        };
    return bytes(divide(batch, keys, plans::footprint));
  }

  /** All that the runs of a batch need. */
  private long bytes(Division division) {
    Set<WeightCopy> packed = new HashSet<>();
    long bytes = 0;
    for (Map.Entry<PlanCache.Key, Integer> entry : division.workspaces(kept(division)).entrySet()) {
      Footprint footprint = plans.footprint(entry.getKey());
      bytes += entry.getValue() * footprint.workspaceBytes();
      packed.addAll(footprint.packed());
    }
    for (WeightCopy weight : packed) {
      bytes += weight.bytes();
    }
    return bytes;
  }

  /** Workspaces that are kept while others run: that in which gradients are added up. */
  private static int kept(Division division) {
    return division.key(0).goal().gradients() ? 1 : 0;
  }

  /** A part of a batch after its run. */
  private record Run(PlanCache.Key key, Workspace workspace) {}

  /**
   * Divides a batch: one part a thread, or more if those would be too large for a plan.
   *
   * @param footprints what plans take; asked of those that are used last
   */
  private Division divide(
      int batch, Division.KeyOfPart keys, Function<PlanCache.Key, Footprint> footprints) {
    int count = Math.min(batch, workers.threads());
    while (true) {
      try {
        Division division = Division.of(batch, count, workers.threads(), keys);
        if (count == 1
            || (footprints.apply(division.key(0)).batchwise()
                && footprints.apply(division.key(count - 1)).batchwise())) {
          return division;
        }
        break;
      } catch (TooLargeException e) {
        if (count == batch) {
          throw new UnplannableException(Shown.text(e.getMessage(), 200));
        }
        count = (int) Math.min(batch, 2L * count);
      }
    }
    return undivided(batch, keys, footprints);
  }

  private Division undivided(
      int batch, Division.KeyOfPart keys, Function<PlanCache.Key, Footprint> footprints) {
    Division division = Division.of(batch, 1, workers.threads(), keys);
    try {
      // Throws if it is too large.
      Footprint unused = footprints.apply(division.key(0));
      return division;
    } catch (TooLargeException e) {
      throw new IllegalStateException(
          "a batch of "
              + batch
              + " cannot be divided, for its samples depend on each other, and is too large: "
              + e.getMessage());
    }
  }

  private Plan plan(PlanCache.Key key) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    key.shapes()
        .forEach(
            (name, shape) -> shapes.put(name, shape.stream().mapToLong(Long::longValue).toArray()));
    long[] resultShape =
        Objects.requireNonNull(shapes.remove(key.goal().result()), key.goal().result());
    key.goal().of().forEach(name -> shapes.remove(NodeGraph.gradientName(name)));
    // oneDNN fits an operation to the threads that it may use where it is made.
    return workers.alone(
        key.threads(),
        () -> {
          synchronized (planning) {
            return plan(shapes, key.goal(), resultShape);
          }
        });
  }

  private Plan plan(Map<String, long[]> shapes, Goal goal, long[] resultShape) {
    try {
      return Plan.of(SameDiffPlanner.plan(weights, source, shapes, goal, resultShape), engine);
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

  /**
   * Runs a batch.
   *
   * @param held receives the plans and the workspaces
   * @return the workspace with the gradients of all parts, if there are any
   */
  private @Nullable Workspace run(
      Held held, CallerArrays arrays, Goal goal, long[] shape, Call call) {
    Division.KeyOfPart keys = (size, threads) -> arrays.key(size, threads, goal, shape);
    Division division = divide(arrays.batch(), keys, held::footprint);
    Map<PlanCache.Key, Integer> wanted = division.workspaces(kept(division));
    Set<WeightCopy> packed = new LinkedHashSet<>();
    wanted.keySet().forEach(key -> packed.addAll(held.footprint(key).packed()));
    long version = weights.version();
    List<WeightCopy> old = packing.enter(packed, version);
    try {
      prepare(held, arrays, keys, wanted, old, version);
      packing.written(old);
      old.clear();
      return run(held, arrays, division, call);
    } finally {
      packing.leave(packed, old);
    }
  }

  /** Runs the parts, as many at once as there are threads. */
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
        addUp(first, runs);
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

  /** Takes all memory that the run of a batch needs, and brings packed weights up to date. */
  private void prepare(
      Held held,
      CallerArrays arrays,
      Division.KeyOfPart keys,
      Map<PlanCache.Key, Integer> wanted,
      List<WeightCopy> old,
      long version) {
    Map<PlanCache.Key, Integer> missing = held.take(wanted);
    long ours = 0;
    for (Map.Entry<PlanCache.Key, Integer> entry : missing.entrySet()) {
      ours += entry.getValue() * held.footprint(entry.getKey()).workspaceBytes();
    }
    for (WeightCopy weight : old) {
      ours += weight.isAllocated() ? 0 : weight.bytes();
    }
    long callers = arrays.bytes();
    long needed = NativeMemory.sum(ours, callers);
    if (ours == 0 && callers < GATED_BYTES) {
      arrays.allocate();
      pack(old, version);
      return;
    }
    Optional<MemoryLedger.Claim> claim = memory.claim(needed);
    if (claim.isEmpty()) {
      throw refused(arrays, keys, needed);
    }
    try (MemoryLedger.Claim claimed = claim.get()) {
      arrays.allocate();
      held.make(missing, workers);
      pack(old, version);
    }
  }

  private void pack(List<WeightCopy> old, long version) {
    if (!old.isEmpty()) {
      workers.together(
          old.size(),
          (start, end) -> {
            old.subList(start, end).forEach(weight -> weight.update(version));
            return 0;
          });
    }
  }

  private MemoryRefusedException refused(
      CallerArrays arrays, Division.KeyOfPart keys, long needed) {
    int batch = arrays.batch();
    long available = memory.available();
    long fits = largestThatFits(arrays, keys, needed, available);
    return new MemoryRefusedException(
        NativeMemory.refusal("a batch of " + batch, needed, available)
            + (fits > 0 ? "; a batch of " + fits + " fits" : "; not even a batch of 1 fits"));
  }

  private int largestThatFits(
      CallerArrays arrays, Division.KeyOfPart keys, long needed, long available) {
    int batch = arrays.batch();
    double bytesOfSample = (double) arrays.bytes() / batch;
    int n = (int) Math.min(batch - 1, (double) batch * available / needed);
    while (n > 0) {
      Division division = divide(n, keys, plans::footprint);
      if (bytes(division) + bytesOfSample * n <= available) {
        return n;
      }
      n = Math.min(n - 1, (int) (n * 15L / 16));
    }
    return 0;
  }

  /** The native memory of workspaces and packed weights now, in bytes. */
  public long heldBytes() {
    return plans.bytes() + engine.weightCopyBytes();
  }

  /**
   * Frees all memory, once nobody runs.
   *
   * @throws IllegalStateException if a callback of a run asks for it
   */
  @Override
  public void close() {
    packing.close();
    plans.close();
    engine.close();
  }
}
