package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.engine.PlannedGraph;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.array.SingleThreadArrayHolder;
import org.nd4j.autodiff.samediff.internal.InferenceSession;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a graph forward, and backward from a loss of its output: as a plan where one can be made,
 * any number of calls at once, and otherwise in SameDiff's sessions, one call at a time.
 *
 * <p>The sessions are our own, for SameDiff keeps one for each thread that ever asked it.
 */
final class GraphRunner implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(GraphRunner.class);

  /** The system property that, set to {@code session}, has SameDiff's sessions run everything. */
  static final String PROPERTY = "diffusion4j.executor";

  private final SameDiff graph;
  private final InferenceSession forward;
  private final @Nullable PlannedGraph planned;
  private final Object differentiation = new Object();
  private final AtomicBoolean saidWhy = new AtomicBoolean();
  private InferenceSession backward;
  private @Nullable SameDiff copy;
  private final Map<String, String> gradientNames = new HashMap<>();
  private final List<String> dropouts = new ArrayList<>();
  private final double dropout;
  private volatile boolean closed;

  GraphRunner(SameDiff graph, long[] sampleShape) {
    this(graph, sampleShape, 0);
  }

  /**
   * @param dropout probability of values to be dropped; if positive, placeholders whose names end
   *     in {@link Graphs#DROPOUT} stand for masks
   */
  GraphRunner(SameDiff graph, long[] sampleShape, double dropout) {
    this.graph = graph;
    this.dropout = dropout;
    for (SDVariable variable : graph.variables()) {
      if (dropout > 0 && variable.isPlaceHolder() && variable.name().endsWith(Graphs.DROPOUT)) {
        dropouts.add(variable.name());
      }
    }
    forward = session(graph);
    addLoss(graph, sampleShape.length + 1);
    backward = forward;
    planned =
        "session".equals(System.getProperty(PROPERTY))
            ? null
            : PlannedGraph.of(graph, this::copy, dropouts).orElse(null);
  }

  /** A loss whose gradient with respect to the output is what the placeholder is given. */
  private static void addLoss(SameDiff graph, int rank) {
    long[] shape = new long[rank];
    Arrays.fill(shape, -1);
    SDVariable output = graph.getVariable(Graphs.OUTPUT);
    SDVariable gradient = graph.placeHolder(Graphs.OUTPUT_GRADIENT, output.dataType(), shape);
    output.mul(gradient).sum().rename(Graphs.LOSS);
    graph.setLossVariables(Graphs.LOSS);
  }

  /**
   * @param shape of the output
   */
  INDArray output(Map<String, INDArray> placeholders, long[] shape) {
    return output(placeholders, shape, Precision.FLOAT32);
  }

  /**
   * @param shape of the output
   * @param precision of convolutions, in plans alone
   */
  INDArray output(Map<String, INDArray> placeholders, long[] shape, Precision precision) {
    return Detached.get(() -> outputDetached(placeholders, shape, precision));
  }

  private INDArray outputDetached(
      Map<String, INDArray> placeholders, long[] shape, Precision precision) {
    requireOpen();
    if (planned != null) {
      try {
        return planned.output(placeholders, precision, Graphs.OUTPUT, shape);
      } catch (UnplannableException e) {
        sayWhy(e);
      }
    }
    return outputOfSession(placeholders);
  }

  private INDArray outputOfSession(Map<String, INDArray> placeholders) {
    try (SessionMasks masks = new SessionMasks(graph, dropouts)) {
      return outputOfSession(placeholders, masks);
    }
  }

  private synchronized INDArray outputOfSession(
      Map<String, INDArray> placeholders, SessionMasks masks) {
    requireOpen();
    Map<String, INDArray> all = new LinkedHashMap<>(placeholders);
    all.putAll(masks.arrays());
    return result(run(forward, all, List.of(Graphs.OUTPUT)), Graphs.OUTPUT);
  }

  /** The mean squared error to a target, and its gradients. */
  Gradients gradients(Map<String, INDArray> placeholders, INDArray target, Collection<String> of) {
    SampleLoss loss = SampleLoss.meanSquaredError(target);
    return gradients(placeholders, target.shape(), loss, null, of);
  }

  /**
   * @param shape of the output
   * @param drop which values are dropped, or null to keep everything
   */
  Gradients gradients(
      Map<String, INDArray> placeholders,
      long[] shape,
      SampleLoss loss,
      @Nullable Dropout drop,
      Collection<String> of) {
    return Detached.get(() -> gradientsDetached(placeholders, shape, loss, drop, of));
  }

  private Gradients gradientsDetached(
      Map<String, INDArray> placeholders,
      long[] shape,
      SampleLoss loss,
      @Nullable Dropout drop,
      Collection<String> of) {
    DropoutMasks masks =
        drop == null || dropouts.isEmpty()
            ? null
            : new DropoutMasks(drop.seed(), drop.firstSample(), dropout);
    requireOpen();
    PlannedGraph plan = planned;
    if (plan != null) {
      try {
        // Who asks for gradients again has used the last ones to change the weights.
        plan.weightsChanged();
        PlannedGraph.Result result =
            plan.gradients(placeholders, Graphs.OUTPUT, shape, loss, masks, of);
        return new Gradients(
            result.losses(),
            result.gradients(),
            () -> {
              result.close();
              plan.weightsChanged();
            });
      } catch (UnplannableException e) {
        sayWhy(e);
      }
    }
    return gradientsOfSession(placeholders, loss, masks, of);
  }

  /** A session cannot stop in the middle: it runs forward twice, and asks the loss in between. */
  private Gradients gradientsOfSession(
      Map<String, INDArray> placeholders,
      SampleLoss loss,
      @Nullable DropoutMasks drop,
      Collection<String> of) {
    long batch = Objects.requireNonNull(placeholders.get(Graphs.SAMPLE)).size(0);
    try (SessionMasks masks =
            drop == null
                ? new SessionMasks(graph, dropouts)
                : new SessionMasks(graph, dropouts, drop, batch);
        INDArray output = plain(outputOfSession(placeholders, masks));
        INDArray outputGradient = Nd4j.createUninitialized(output.dataType(), output.shape())) {
      Losses losses = new Losses(loss, Math.toIntExact(batch));
      float[] outputs = floats(output);
      float[] slopes = new float[outputs.length];
      losses.askAll(outputs, slopes);
      try (INDArray copy = Nd4j.create(slopes, output.shape(), 'c')) {
        outputGradient.assign(copy);
      }
      Map<String, INDArray> all = new LinkedHashMap<>(placeholders);
      all.putAll(masks.arrays());
      all.put(Graphs.OUTPUT_GRADIENT, outputGradient);
      Map<String, INDArray> gradients = gradientsOfSession(all, of);
      return new Gradients(losses, gradients, () -> gradients.values().forEach(INDArray::close));
    }
  }

  /** From a gradient of the output that is among the placeholders, in the graph's own type. */
  synchronized Map<String, INDArray> gradientsOfSession(
      Map<String, INDArray> placeholders, Collection<String> of) {
    Map<String, INDArray> gradients = new LinkedHashMap<>();
    if (!of.isEmpty()) {
      requireOpen();
      differentiate();
      List<String> wanted = of.stream().map(this::gradientName).toList();
      Map<String, INDArray> results = run(backward, placeholders, wanted);
      for (String name : of) {
        gradients.put(name, plain(result(results, gradientName(name))));
      }
    }
    return gradients;
  }

  boolean isClosed() {
    return closed;
  }

  /** {@link PlannedGraph#heldBytes}; 0 without plans. */
  long planBytes() {
    return planned == null ? 0 : planned.heldBytes();
  }

  /** Whether everything so far ran as plans. */
  boolean isPlanned() {
    return planned != null && !saidWhy.get();
  }

  /**
   * {@link PlannedGraph#bytes} of a forward run, or of gradients; empty for a session, which cannot
   * tell.
   */
  OptionalLong bytes(Map<String, long[]> shapes, Collection<String> of) {
    requireOpen();
    PlannedGraph plan = planned;
    if (plan == null) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Detached.get(() -> plan.bytes(shapes, Graphs.OUTPUT, of)));
    } catch (UnplannableException e) {
      return OptionalLong.empty();
    }
  }

  /** The values in C order. */
  private static float[] floats(INDArray array) {
    try (INDArray copy = array.dup('c')) {
      return copy.data().asFloat();
    }
  }

  /** Gradients are promised in C order. */
  private static INDArray plain(INDArray array) {
    if (Address.isPlain(array)) {
      return array;
    }
    try (array) {
      return array.dup('c');
    }
  }

  /** Says that somebody may have written to the weights. */
  void weightsChanged() {
    if (planned != null) {
      planned.weightsChanged();
    }
  }

  /** Once: what cannot be planned for one batch is asked about again for another. */
  private void sayWhy(UnplannableException reason) {
    if (!saidWhy.getAndSet(true)) {
      LOG.info("the graph runs in SameDiff's session, for {}", reason.getMessage());
    }
  }

  /** A copy with the same arrays, to which plans add the gradients of operations. */
  SameDiff copy() {
    synchronized (differentiation) {
      SameDiff made = copy;
      if (made == null) {
        made = SameDiff.create();
        made.setArrayHolders(new SingleThreadArrayHolder(), new SingleThreadArrayHolder(), false);
        graph.invokeGraphOn(made);
        copy = made;
      }
      return made;
    }
  }

  /** With a lock of its own, for a plan that is being made may ask for it. */
  private void differentiate() {
    synchronized (differentiation) {
      if (backward == forward) {
        Quietly.run(() -> graph.createGradFunction(Graphs.SAMPLE));
        for (SDVariable variable : graph.getFunction("grad").variables()) {
          if (variable.dataType().isFPType() && graph.hasVariable(variable.name())) {
            SDVariable gradient = graph.getVariable(variable.name()).gradient();
            if (gradient != null) {
              gradientNames.put(variable.name(), gradient.name());
            }
          }
        }
        backward = session(graph.getFunction("grad"));
      }
    }
  }

  private static InferenceSession session(SameDiff of) {
    InferenceSession session = new InferenceSession(of);
    session.setMmgr(new SessionMemory());
    return session;
  }

  private static Map<String, INDArray> run(
      InferenceSession session, Map<String, INDArray> placeholders, List<String> wanted) {
    At at = At.builder().operation(Operation.INFERENCE).build();
    return session.output(wanted, placeholders, null, List.of(), List.of(), at);
  }

  private String gradientName(String variable) {
    String name = gradientNames.get(variable);
    if (name == null) {
      throw new IllegalArgumentException("the loss does not depend on " + variable);
    }
    return name;
  }

  private static INDArray result(Map<String, INDArray> results, String name) {
    return Objects.requireNonNull(results.get(name), name);
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }

  @Override
  public void close() {
    if (planned != null) {
      planned.close();
    }
    synchronized (this) {
      if (!closed) {
        closed = true;
        closeArrays();
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
