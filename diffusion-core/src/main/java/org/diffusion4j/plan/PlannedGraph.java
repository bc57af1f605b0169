package org.diffusion4j.plan;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.diffusion4j.internal.Address;
import org.diffusion4j.internal.WeightLoops;
import org.diffusion4j.internal.Workers;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A SameDiff graph that runs as plans. A batch is divided among the processors, each of which runs
 * a plan for its part. Any number of threads may call at once.
 */
public final class PlannedGraph implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PlannedGraph.class);

  private final Source source;
  private final WeightStore weights;
  private final LongSupplier availableMemory;
  private final Workers workers = Workers.shared();
  private final PlanCache plans = new PlanCache(workers.threads());

  /** Runs read packed weights, packing writes them. */
  private final ReadWriteLock packing = new ReentrantReadWriteLock();

  private boolean closed;

  private PlannedGraph(Source source, WeightStore weights, LongSupplier availableMemory) {
    this.source = source;
    this.weights = weights;
    this.availableMemory = availableMemory;
  }

  /**
   * Plans a graph if that can be done here: on the CPU, with oneDNN, with variables of type FLOAT
   * in C order. The variables keep their arrays.
   *
   * @param gradientGraph gives the graph's function "grad", if it is needed
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
    return of(new Source(graph, gradientGraph, dropouts), NativeMemory::available);
  }

  static Optional<PlannedGraph> of(Source source, LongSupplier availableMemory) {
    if (Nd4j.getExecutioner().type() != OpExecutioner.ExecutionerType.NATIVE_CPU
        || !OneDnn.available()) {
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
    WeightStore weights = new WeightStore(variables, constants);
    return Optional.of(new PlannedGraph(source, weights, availableMemory));
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
    INDArray result = Nd4j.createUninitialized(DataType.FLOAT, shape);
    try (CallerArrays arrays = new CallerArrays(placeholders, Map.of(name, result))) {
      run(arrays, Goal.result(name, precision), shape, Call.FORWARD).forEach(Run::release);
    } catch (RuntimeException | Error e) {
      result.close();
      throw e;
    }
    return result;
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
    Map<String, INDArray> own = new LinkedHashMap<>();
    Map<String, INDArray> written = new LinkedHashMap<>();
    for (String input : of) {
      INDArray placeholder = placeholders.get(input);
      if (placeholder != null) {
        INDArray gradient = Nd4j.createUninitialized(DataType.FLOAT, placeholder.shape());
        own.put(input, gradient);
        written.put(Plan.gradientName(input), gradient);
      }
    }
    try (CallerArrays arrays = new CallerArrays(placeholders, written)) {
      Losses losses = new Losses(loss, arrays.batch());
      List<Run> runs =
          run(arrays, Goal.gradients(name, of, masks != null), shape, new Call(losses, masks));
      addUp(runs);
      INDArray flat = runs.get(0).workspace.gradient();
      Map<String, INDArray> gradients = new LinkedHashMap<>();
      for (String wanted : of) {
        INDArray gradient = own.get(wanted);
        gradients.put(
            wanted,
            gradient != null
                ? gradient
                : Workspace.view(flat, weights.offset(wanted), weights.array(wanted).shape()));
      }
      return new Result(losses.sum(), gradients, runs.get(0), own.values());
    } catch (RuntimeException | Error e) {
      own.values().forEach(INDArray::close);
      throw e;
    }
  }

  /** Adds the gradients of all runs to the first's, and ends the others. */
  private static void addUp(List<Run> runs) {
    List<List<INDArray>> others = new ArrayList<>();
    for (Run run : runs.subList(1, runs.size())) {
      others.add(List.of(run.workspace.gradient()));
    }
    if (!others.isEmpty()) {
      List<INDArray> first = List.of(runs.get(0).workspace.gradient());
      WeightLoops.run(
          List.of(first),
          others,
          (pieces, n) -> {
            for (int i = 1; i < pieces.length; i++) {
              Loops.add(pieces[0], pieces[i], n);
            }
            return 0;
          });
    }
    runs.subList(1, runs.size()).forEach(Run::release);
  }

  /** A loss and its gradients, which lie in memory that is used again once this is closed. */
  public static final class Result implements AutoCloseable {

    private final double loss;
    private final Map<String, INDArray> gradients;
    private final Run run;
    private final Collection<INDArray> own;
    private boolean closed;

    private Result(
        double loss, Map<String, INDArray> gradients, Run run, Collection<INDArray> own) {
      this.loss = loss;
      this.gradients = gradients;
      this.run = run;
      this.own = own;
    }

    public double loss() {
      return loss;
    }

    /** The gradients by name. */
    public Map<String, INDArray> gradients() {
      return gradients;
    }

    @Override
    public synchronized void close() {
      if (!closed) {
        closed = true;
        run.release();
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
    Division division =
        divide(
            batch,
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
            });
    try {
      return division.bytes();
    } finally {
      division.release();
    }
  }

  /** One part of a batch after its run. */
  private record Run(PlanCache.Entry entry, Workspace workspace) {

    void release() {
      entry.giveBack(workspace);
      entry.release();
    }
  }

  /** A part of a batch: where it begins, how many samples it has, and the plan for so many. */
  private record Part(int from, int size, PlanCache.Entry entry) {}

  private interface KeyOfPart {
    PlanCache.Key key(int size, int threads);
  }

  /** How a batch is divided; holds the entries of its parts. */
  private record Division(List<Part> parts, int openMp) {

    Set<PackedWeight> packed() {
      Set<PackedWeight> packed = new LinkedHashSet<>();
      parts.forEach(part -> packed.addAll(part.entry.plan().packed()));
      return packed;
    }

    /** All that its runs need. */
    long bytes() {
      long bytes = 0;
      for (Part part : parts) {
        bytes += part.entry.plan().workspaceBytes();
      }
      for (PackedWeight weight : packed()) {
        bytes += weight.bytes();
      }
      return bytes;
    }

    void release() {
      parts.forEach(part -> part.entry.release());
    }
  }

  private Division divide(int batch, KeyOfPart keys) {
    int count = Math.min(batch, workers.threads());
    Division division = divide(batch, count, keys);
    boolean independent = division.parts.stream().allMatch(part -> part.entry.plan().batchwise());
    if (count == 1 || independent) {
      return division;
    }
    division.release();
    return divide(batch, 1, keys);
  }

  private Division divide(int batch, int count, KeyOfPart keys) {
    int openMp = Math.max(1, workers.threads() / count);
    List<Part> parts = new ArrayList<>();
    int from = 0;
    Division division = new Division(parts, openMp);
    try {
      for (int i = 0; i < count; i++) {
        int size = batch / count + (i < batch % count ? 1 : 0);
        parts.add(new Part(from, size, plans.hold(keys.key(size, openMp), this::plan)));
        from += size;
      }
      return division;
    } catch (RuntimeException | Error e) {
      division.release();
      throw e;
    }
  }

  private Plan plan(PlanCache.Key key) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    key.shapes()
        .forEach(
            (name, shape) -> shapes.put(name, shape.stream().mapToLong(Long::longValue).toArray()));
    long[] resultShape =
        Objects.requireNonNull(shapes.remove(key.goal().result()), key.goal().result());
    key.goal().of().forEach(name -> shapes.remove(Plan.gradientName(name)));
    // oneDNN fits an operation to the threads that it may use where it is made.
    Callable<Plan> make = () -> Plan.of(weights, source, shapes, key.goal(), resultShape);
    try {
      return workers.run(key.threads(), List.of(make)).get(0);
    } catch (UnplannableException | IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.warn("a plan could not be made", e);
      throw new UnplannableException("a plan could not be made: " + e);
    }
  }

  private List<Run> run(CallerArrays arrays, Goal goal, long[] shape, Call call) {
    KeyOfPart keys = (size, threads) -> arrays.key(size, threads, goal, shape);
    Division division = divide(arrays.batch(), keys);
    Queue<Run> done = new ConcurrentLinkedQueue<>();
    try {
      requireMemory(division, arrays.batch(), keys);
      pack(division.packed());
      packing.readLock().lock();
      try {
        requireOpen();
        List<Callable<Run>> tasks = new ArrayList<>();
        for (Part part : division.parts) {
          tasks.add(
              () -> {
                Run run = run(part, arrays, call);
                done.add(run);
                return run;
              });
        }
        return workers.run(division.openMp, tasks);
      } finally {
        packing.readLock().unlock();
      }
    } catch (RuntimeException | Error e) {
      done.forEach(run -> run.entry.giveBack(run.workspace));
      division.release();
      throw e;
    }
  }

  private static Run run(Part part, CallerArrays arrays, Call call) {
    Plan plan = part.entry.plan();
    Workspace workspace = part.entry.take();
    try {
      arrays.show(plan, workspace, part.from);
      workspace.partOf(call, part.from);
      workspace.run();
      workspace.partOf(Call.FORWARD, 0);
      return new Run(part.entry, workspace);
    } catch (RuntimeException | Error e) {
      workspace.close();
      throw e;
    }
  }

  private void requireMemory(Division division, int batch, KeyOfPart keys) {
    long fixed = 0;
    for (PackedWeight packed : division.packed()) {
      fixed += packed.isAllocated() ? 0 : packed.bytes();
    }
    Map<PlanCache.Entry, Integer> workspaces = new LinkedHashMap<>();
    division.parts.forEach(part -> workspaces.merge(part.entry, 1, Integer::sum));
    long needed = fixed;
    for (Map.Entry<PlanCache.Entry, Integer> entry : workspaces.entrySet()) {
      needed += entry.getKey().bytesOfMore(entry.getValue());
    }
    if (needed == 0) {
      return;
    }
    long available = availableMemory.getAsLong();
    if (needed > available) {
      long fits = largestThatFits(batch * available / needed, keys, available);
      throw new IllegalStateException(
          "memory for a batch of "
              + batch
              + " must be at least "
              + megabytes(needed)
              + " but "
              + megabytes(available)
              + " are available"
              + (fits > 0 ? "; a batch of " + fits + " fits" : "; not even a batch of 1 fits"));
    }
  }

  private int largestThatFits(long estimate, KeyOfPart keys, long available) {
    for (int n = (int) estimate; n > 0; n = Math.min(n - 1, n * 15 / 16)) {
      Division division = divide(n, keys);
      try {
        if (division.bytes() <= available) {
          return n;
        }
      } finally {
        division.release();
      }
    }
    return 0;
  }

  private static String megabytes(long bytes) {
    return (bytes + (1 << 20) - 1) / (1 << 20) + " MB";
  }

  /** Brings packed weights up to date. */
  private void pack(Set<PackedWeight> packed) {
    long version = weights.version();
    if (packed.stream().noneMatch(weight -> weight.isOlderThan(version))) {
      return;
    }
    packing.writeLock().lock();
    try {
      requireOpen();
      List<PackedWeight> old =
          packed.stream().filter(weight -> weight.isOlderThan(version)).toList();
      workers.divide(
          old.size(),
          (start, end) -> {
            old.subList(start, end).forEach(weight -> weight.pack(version));
            return 0;
          });
    } finally {
      packing.writeLock().unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }

  @Override
  public void close() {
    packing.writeLock().lock();
    try {
      closed = true;
      plans.close();
      weights.close();
    } finally {
      packing.writeLock().unlock();
    }
  }
}
