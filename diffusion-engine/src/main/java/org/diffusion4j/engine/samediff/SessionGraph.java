package org.diffusion4j.engine.samediff;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.GraphExecutor;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.graph.Precision;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.autodiff.samediff.internal.InferenceSession;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A SameDiff graph that runs in SameDiff's sessions, one call at a time. Supports any graph,
 * backend of ND4J and type of variables.
 *
 * <p>It has its own sessions, because SameDiff keeps one for each thread that ever called it.
 */
public final class SessionGraph implements GraphExecutor {

  private final SameDiff graph;
  private final Supplier<SameDiff> copies;
  private final List<String> dropouts;
  private final InferenceSession forward;
  private final Set<String> differentiable = new HashSet<>();
  private @Nullable Backward backward;
  private boolean closed;

  /**
   * @param copies creates copies of the graph with the same arrays, to which gradients are added
   * @param dropouts placeholders for dropout masks; calls pass no arrays for them
   */
  public SessionGraph(SameDiff graph, Supplier<SameDiff> copies, List<String> dropouts) {
    this.graph = graph;
    this.copies = copies;
    this.dropouts = List.copyOf(dropouts);
    forward = session(graph);
    for (SDVariable variable : graph.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        differentiable.add(variable.name());
      }
    }
  }

  /** The gradients of a result, and the session that computes them. */
  private record Backward(String result, SessionGradient gradient, InferenceSession session) {}

  private static InferenceSession session(SameDiff of) {
    InferenceSession session = new InferenceSession(of);
    session.setMmgr(new SessionMemory());
    return session;
  }

  /** {@inheritDoc} It computes in the types of the graph. */
  @Override
  public Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Map<String, long[]> results, Precision precision) {
    try (SessionMasks masks = new SessionMasks(graph, dropouts)) {
      return outputs(inputs, results.keySet(), masks);
    }
  }

  private synchronized Map<String, INDArray> outputs(
      Map<String, INDArray> inputs, Collection<String> results, SessionMasks masks) {
    requireOpen();
    Map<String, INDArray> all = new LinkedHashMap<>(inputs);
    all.putAll(masks.arrays());
    return run(forward, all, results);
  }

  private static Map<String, INDArray> run(
      InferenceSession session, Map<String, INDArray> inputs, Collection<String> wanted) {
    At at = At.builder().operation(Operation.INFERENCE).build();
    return session.output(List.copyOf(wanted), inputs, null, List.of(), List.of(), at);
  }

  /**
   * {@inheritDoc}
   *
   * <p>A session cannot stop in the middle, so it runs forward twice and calls the loss in between.
   */
  @Override
  public LossGradients gradients(
      Map<String, INDArray> inputs,
      String result,
      long[] shape,
      SampleLoss loss,
      @Nullable DropoutMasks drop,
      Collection<String> of) {
    long batch = shape[0];
    try (SessionMasks masks =
            drop == null
                ? new SessionMasks(graph, dropouts)
                : new SessionMasks(graph, dropouts, drop, batch);
        INDArray output = plain(get(outputs(inputs, List.of(result), masks), result));
        INDArray outputGradient = Nd4j.createUninitialized(output.dataType(), output.shape())) {
      Losses losses = new Losses(loss, Math.toIntExact(batch));
      float[] outputs = floats(output);
      float[] slopes = new float[outputs.length];
      losses.askAll(outputs, slopes);
      try (INDArray copy = Nd4j.create(slopes, output.shape(), 'c')) {
        outputGradient.assign(copy);
      }
      Map<String, INDArray> all = new LinkedHashMap<>(inputs);
      all.putAll(masks.arrays());
      Map<String, INDArray> gradients = gradients(all, result, outputGradient, of);
      return new LossGradients(
          losses, gradients, () -> gradients.values().forEach(INDArray::close));
    }
  }

  /**
   * The gradients of a result in the graph's own type.
   *
   * @param inputs arrays for all placeholders
   * @param outputGradient the gradient of a loss with respect to the result
   * @param of names of variables and placeholders
   * @return by name, in C order; owned by the caller
   */
  public synchronized Map<String, INDArray> gradients(
      Map<String, INDArray> inputs, String result, INDArray outputGradient, Collection<String> of) {
    Map<String, INDArray> gradients = new LinkedHashMap<>();
    if (!of.isEmpty()) {
      requireOpen();
      Backward known = backward(result, outputGradient.rank(), of);
      Map<String, INDArray> all = new LinkedHashMap<>(inputs);
      all.put(SessionGradient.SEED, outputGradient);
      Set<String> wanted = new LinkedHashSet<>();
      of.forEach(name -> wanted.add(known.gradient.name(name)));
      Map<String, INDArray> results = run(known.session, all, wanted);
      for (String name : of) {
        gradients.put(name, plain(get(results, known.gradient.name(name))));
      }
    }
    return gradients;
  }

  /** Differentiates with respect to all variables and to all inputs requested so far. */
  private Backward backward(String result, int rank, Collection<String> of) {
    boolean isNew = differentiable.addAll(of);
    Backward known = backward;
    if (known == null || isNew || !known.result.equals(result)) {
      SessionGradient gradient =
          new SessionGradient(copies.get(), result, rank, Set.copyOf(differentiable));
      known = new Backward(result, gradient, session(gradient.graph()));
      backward = known;
    }
    return known;
  }

  /** {@inheritDoc} Unknown for a session. */
  @Override
  public OptionalLong bytes(
      Map<String, long[]> inputs, Map<String, long[]> results, Collection<String> of) {
    return OptionalLong.empty();
  }

  /** {@inheritDoc} Between calls a session holds only the variables. */
  @Override
  public long heldBytes() {
    return 0;
  }

  @Override
  public void releaseIdle() {}

  /** {@inheritDoc} A session uses the variables directly. */
  @Override
  public void weightsChanged() {}

  @Override
  public synchronized void close() {
    closed = true;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }

  private static INDArray get(Map<String, INDArray> results, String name) {
    return Objects.requireNonNull(results.get(name), name);
  }

  /** The values in C order. */
  private static float[] floats(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** Gradients must be in C order. */
  private static INDArray plain(INDArray array) {
    if (array.length() == 1 || Arrays.equals(array.stride(), Nd4j.getStrides(array.shape(), 'c'))) {
      return array;
    }
    try (array) {
      return array.dup('c');
    }
  }
}
