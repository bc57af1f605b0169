package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.nd4j.autodiff.listeners.At;
import org.nd4j.autodiff.listeners.Operation;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.InferenceSession;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Runs a graph forward and backward, one call at a time.
 *
 * <p>The sessions are our own, for SameDiff keeps one for each thread that ever asked it.
 */
final class GraphRunner implements AutoCloseable {

  private final SameDiff graph;
  private final InferenceSession forward;
  private InferenceSession backward;
  private final Map<String, String> gradientNames = new HashMap<>();
  private boolean closed;

  GraphRunner(SameDiff graph, long[] sampleShape) {
    this.graph = graph;
    forward = new InferenceSession(graph);
    addLoss(graph, sampleShape.length + 1);
    backward = forward;
  }

  /** Equation 14 of DDPM: the mean squared error. */
  private static void addLoss(SameDiff graph, int rank) {
    long[] shape = new long[rank];
    Arrays.fill(shape, -1);
    SDVariable output = graph.getVariable(Graphs.OUTPUT);
    SDVariable target = graph.placeHolder(Graphs.TARGET, output.dataType(), shape);
    SDVariable error = output.sub(target);
    error.mul(error).mean().rename(Graphs.LOSS);
    graph.setLossVariables(Graphs.LOSS);
  }

  synchronized INDArray output(Map<String, INDArray> placeholders) {
    requireOpen();
    return result(run(forward, placeholders, List.of(Graphs.OUTPUT)), Graphs.OUTPUT);
  }

  synchronized Gradients gradients(
      Map<String, INDArray> placeholders, INDArray target, Collection<String> of) {
    requireOpen();
    differentiate();
    Map<String, INDArray> all = new LinkedHashMap<>(placeholders);
    all.put(Graphs.TARGET, target);
    List<String> wanted = new ArrayList<>();
    wanted.add(Graphs.LOSS);
    for (String name : of) {
      wanted.add(gradientName(name));
    }
    Map<String, INDArray> results = run(backward, all, wanted);
    Map<String, INDArray> gradients = new LinkedHashMap<>();
    for (String name : of) {
      gradients.put(name, result(results, gradientName(name)));
    }
    try (INDArray loss = result(results, Graphs.LOSS)) {
      return new Gradients(loss.getDouble(0), gradients);
    }
  }

  private void differentiate() {
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
      backward = new InferenceSession(graph.getFunction("grad"));
    }
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

  synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      for (SDVariable variable : graph.variables()) {
        INDArray array = variable.isPlaceHolder() ? null : variable.getArr();
        if (array != null && array.closeable()) {
          array.close();
        }
      }
    }
  }
}
