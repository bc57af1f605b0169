package org.diffusion4j.plan;

import com.google.common.collect.ImmutableSet;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A SameDiff graph that runs as plans, one for each size of a part of a batch. Any number of
 * threads may run it at once.
 */
public final class PlannedGraph implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(PlannedGraph.class);

  /** Plans that are kept; the one that was not used for longest goes first. */
  private static final int MAX_PLANS = 8;

  private final SameDiff graph;
  private final WeightStore weights;
  private final Workers workers = Workers.shared();
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final Map<Key, Entry> plans = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  private PlannedGraph(SameDiff graph, WeightStore weights) {
    this.graph = graph;
    this.weights = weights;
  }

  /** What distinguishes plans. */
  private record Key(
      Map<String, List<Long>> shapes, int threads, String result, ImmutableSet<String> of) {}

  /** A plan and its workspaces that are not in use. */
  private record Entry(Plan plan, Deque<Workspace> idle) {

    synchronized Workspace take() {
      return idle.isEmpty() ? plan.workspace() : idle.pop();
    }

    synchronized void giveBack(Workspace workspace, int most) {
      if (idle.size() < most) {
        idle.push(workspace);
      } else {
        workspace.close();
      }
    }

    void close() {
      idle.forEach(Workspace::close);
      idle.clear();
      plan.close();
    }
  }

  /**
   * Plans a graph if that can be done here: on the CPU, with oneDNN, with weights of type FLOAT.
   * The graph's variables keep their arrays.
   */
  public static Optional<PlannedGraph> of(SameDiff graph) {
    if (Nd4j.getExecutioner().type() != OpExecutioner.ExecutionerType.NATIVE_CPU
        || !OneDnn.available()) {
      return Optional.empty();
    }
    Map<String, INDArray> variables = new LinkedHashMap<>();
    Map<String, INDArray> constants = new LinkedHashMap<>();
    for (SDVariable variable : graph.variables()) {
      switch (variable.getVariableType()) {
        case VARIABLE -> variables.put(variable.name(), variable.getArr());
        case CONSTANT -> constants.put(variable.name(), variable.getArr());
        default -> {}
      }
    }
    for (INDArray array : variables.values()) {
      if (array.dataType() != DataType.FLOAT || !isContiguous(array)) {
        LOG.info("a graph with weights of {} runs in SameDiff's session", array.dataType());
        return Optional.empty();
      }
    }
    constants.replaceAll((name, array) -> isContiguous(array) ? array : array.dup('c'));
    return Optional.of(new PlannedGraph(graph, new WeightStore(variables, constants)));
  }

  private static boolean isContiguous(INDArray array) {
    return Arrays.equals(array.stride(), Nd4j.getStrides(array.shape(), 'c'))
        || array.length() == 1;
  }

  /** Says that the weights were written to: the next run reads them anew. */
  public void weightsChanged() {
    weights.changed();
  }

  /**
   * Computes a result.
   *
   * @param placeholders arrays of one batch size
   * @param name of the result
   * @return owned by the caller
   */
  public INDArray output(Map<String, INDArray> placeholders, String name, long[] shape) {
    INDArray result = Nd4j.createUninitialized(DataType.FLOAT, shape);
    Map<String, INDArray> arrays = new LinkedHashMap<>(placeholders);
    arrays.put(name, result);
    try (Inputs inputs = new Inputs(arrays)) {
      for (Run run : run(inputs, placeholders.keySet(), name, ImmutableSet.of())) {
        run.release();
      }
    }
    return result;
  }

  /**
   * Computes a loss and its gradients.
   *
   * @param placeholders arrays of one batch size
   * @param loss the name of the loss
   * @param of names of variables and placeholders
   */
  public Result gradients(Map<String, INDArray> placeholders, String loss, Collection<String> of) {
    Map<String, INDArray> arrays = new LinkedHashMap<>(placeholders);
    Map<String, INDArray> results = new LinkedHashMap<>();
    for (String name : of) {
      INDArray placeholder = placeholders.get(name);
      if (placeholder != null) {
        INDArray result = Nd4j.createUninitialized(DataType.FLOAT, placeholder.shape());
        arrays.put(Plan.gradientName(name), result);
        results.put(name, result);
      }
    }
    try (Inputs inputs = new Inputs(arrays)) {
      List<Run> runs = run(inputs, placeholders.keySet(), loss, ImmutableSet.copyOf(of));
      double sum = 0;
      for (Run run : runs) {
        sum += run.entry.plan.loss(run.workspace) * run.workspace.lossShare();
      }
      INDArray first = runs.get(0).workspace.gradient();
      if (runs.size() > 1) {
        List<INDArray> others = new ArrayList<>();
        for (Run run : runs.subList(1, runs.size())) {
          others.add(run.workspace.gradient());
        }
        GradientSum.addTo(workers, first, others);
        runs.subList(1, runs.size()).forEach(Run::release);
      }
      Map<String, INDArray> gradients = new LinkedHashMap<>();
      for (String name : of) {
        INDArray result = results.get(name);
        gradients.put(
            name,
            result != null
                ? result
                : Workspace.view(first, weights.offset(name), weights.array(name).shape()));
      }
      return new Result(sum, gradients, first, runs.get(0), results.values());
    }
  }

  /**
   * A loss and its gradients, which lie in memory that is used again once this is closed.
   *
   * <p>{@code flat} holds the gradients of all variables one after the other.
   */
  public static final class Result implements AutoCloseable {

    private final double loss;
    private final Map<String, INDArray> gradients;
    private final INDArray flat;
    private final Run run;
    private final Collection<INDArray> own;
    private boolean closed;

    private Result(
        double loss,
        Map<String, INDArray> gradients,
        INDArray flat,
        Run run,
        Collection<INDArray> own) {
      this.loss = loss;
      this.gradients = gradients;
      this.flat = flat;
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

    /** The gradients of all variables, one after the other. */
    public INDArray flat() {
      return flat;
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

  /** The native memory that a run takes, in bytes, without the weights themselves. */
  public long bytes(Map<String, long[]> placeholders, String result, Collection<String> of) {
    throw new UnsupportedOperationException(placeholders + result + of);
  }

  /** One part of a batch after its run. */
  private final class Run {

    private final Entry entry;
    private final Workspace workspace;

    Run(Entry entry, Workspace workspace) {
      this.entry = entry;
      this.workspace = workspace;
    }

    void release() {
      entry.giveBack(workspace, workers.threads());
    }
  }

  private List<Run> run(
      Inputs inputs, Set<String> placeholders, String result, ImmutableSet<String> of) {
    int batch = inputs.batch;
    int parts = Math.min(batch, workers.threads());
    int[] sizes = new int[parts];
    for (int i = 0; i < parts; i++) {
      sizes[i] = batch / parts + (i < batch % parts ? 1 : 0);
    }
    int openMp = Math.max(1, workers.threads() / parts);
    Map<Integer, Entry> entries = new LinkedHashMap<>();
    for (int size : sizes) {
      if (!entries.containsKey(size)) {
        entries.put(size, entry(inputs.key(placeholders, size, openMp, result, of)));
      }
    }
    if (parts > 1 && !entries.values().stream().allMatch(entry -> entry.plan.batchwise())) {
      sizes = new int[] {batch};
      openMp = workers.threads();
      entries = Map.of(batch, entry(inputs.key(placeholders, batch, openMp, result, of)));
    }
    Set<PackedWeight> packed = new LinkedHashSet<>();
    entries.values().forEach(entry -> packed.addAll(entry.plan.packed()));
    refresh(packed);
    lock.readLock().lock();
    try {
      List<Callable<Run>> tasks = new ArrayList<>();
      int from = 0;
      for (int size : sizes) {
        Entry entry = Objects.requireNonNull(entries.get(size));
        int start = from;
        tasks.add(() -> part(entry, inputs, start, size));
        from += size;
      }
      return workers.run(openMp, tasks);
    } finally {
      lock.readLock().unlock();
    }
  }

  private Run part(Entry entry, Inputs inputs, int from, int size) {
    Workspace workspace = entry.take();
    inputs.arrays.forEach(
        (name, array) -> {
          long perSample = array.length() / inputs.batch;
          workspace.caller(
              entry.plan.caller(name), Address.of(array) + from * perSample * Float.BYTES);
        });
    workspace.lossShare((float) size / inputs.batch);
    workspace.run();
    return new Run(entry, workspace);
  }

  private void refresh(Set<PackedWeight> packed) {
    long version = weights.version();
    if (packed.stream().noneMatch(weight -> weight.isOlderThan(version))) {
      return;
    }
    lock.writeLock().lock();
    try {
      List<Callable<Object>> tasks = new ArrayList<>();
      List<PackedWeight> old =
          packed.stream().filter(weight -> weight.isOlderThan(version)).toList();
      for (int i = 0; i < workers.threads(); i++) {
        int first = i;
        tasks.add(
            () -> {
              for (int j = first; j < old.size(); j += workers.threads()) {
                old.get(j).pack(version);
              }
              return "";
            });
      }
      workers.run(1, tasks);
    } finally {
      lock.writeLock().unlock();
    }
  }

  private Entry entry(Key key) {
    synchronized (plans) {
      if (closed) {
        throw new IllegalStateException("the model is closed");
      }
      Entry entry = plans.get(key);
      if (entry == null) {
        entry = new Entry(plan(key), new ArrayDeque<>());
        plans.put(key, entry);
        while (plans.size() > MAX_PLANS) {
          evictOldest();
        }
      }
      return entry;
    }
  }

  private void evictOldest() {
    Entry oldest = plans.remove(plans.keySet().iterator().next());
    lock.writeLock().lock();
    try {
      oldest.close();
    } finally {
      lock.writeLock().unlock();
    }
  }

  private Plan plan(Key key) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    key.shapes.forEach(
        (name, shape) -> shapes.put(name, shape.stream().mapToLong(Long::longValue).toArray()));
    Callable<Plan> build =
        () ->
            key.of.isEmpty()
                ? Plan.forward(weights, graph, shapes, key.result)
                : Plan.gradients(weights, graph, shapes, key.result, key.of);
    return workers.run(key.threads, List.of(build)).get(0);
  }

  /** The caller's arrays, in C order. */
  private static final class Inputs implements AutoCloseable {

    final Map<String, INDArray> arrays = new LinkedHashMap<>();
    private final List<INDArray> copies = new ArrayList<>();
    final int batch;

    Inputs(Map<String, INDArray> given) {
      given.forEach(
          (name, array) -> {
            INDArray plain = array;
            if (!isContiguous(array)) {
              plain = array.dup('c');
              copies.add(plain);
            }
            arrays.put(name, plain);
          });
      batch = Math.toIntExact(given.values().iterator().next().size(0));
    }

    Key key(
        Set<String> placeholders, int size, int openMp, String result, ImmutableSet<String> of) {
      Map<String, List<Long>> shapes = new LinkedHashMap<>();
      for (String name : placeholders) {
        long[] shape = Objects.requireNonNull(arrays.get(name)).shape().clone();
        shape[0] = size;
        shapes.put(name, Arrays.stream(shape).boxed().toList());
      }
      return new Key(shapes, openMp, result, of);
    }

    @Override
    public void close() {
      copies.forEach(INDArray::close);
    }
  }

  @Override
  public void close() {
    synchronized (plans) {
      if (!closed) {
        closed = true;
        lock.writeLock().lock();
        try {
          plans.values().forEach(Entry::close);
          plans.clear();
          weights.close();
        } finally {
          lock.writeLock().unlock();
        }
      }
    }
  }
}
