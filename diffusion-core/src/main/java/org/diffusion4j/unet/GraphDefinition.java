package org.diffusion4j.unet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.GraphRunner;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.graph.FlatGraph;
import org.nd4j.linalg.factory.Nd4j;

/** A graph without its weights' arrays, in ND4J's FlatBuffers format. */
final class GraphDefinition {

  /** Small enough for a base64 string in a JSON file. */
  private static final int MAX_BYTES = 14_000_000;

  private GraphDefinition() {}

  /** Variables of other types, such as loop counters, are part of the graph. */
  private static boolean isWeight(SDVariable variable) {
    return variable.getVariableType() == VariableType.VARIABLE && variable.dataType().isFPType();
  }

  /** The shapes of the weights, by name. */
  static Map<String, List<Long>> weights(SameDiff graph) {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    for (SDVariable variable : graph.variables()) {
      if (isWeight(variable)) {
        shapes.put(variable.name(), LongStream.of(variable.getArr().shape()).boxed().toList());
      }
    }
    return shapes;
  }

  /**
   * Writes a graph, without changing it.
   *
   * @throws IllegalArgumentException if it is too large, or if ND4J cannot write it
   */
  static byte[] write(SameDiff graph) {
    SameDiff copy = GraphRunner.copy(graph);
    for (SDVariable variable : graph.variables()) {
      if (isWeight(variable)) {
        copy.getVariablesArrays().removeArray(variable.name());
      }
    }
    ByteBuffer buffer;
    try {
      buffer = copy.asFlatBuffers(false);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException("graph cannot be written by ND4J: " + Shown.text(e), e);
    }
    if (buffer.remaining() > MAX_BYTES) {
      throw new IllegalArgumentException(
          "graph must have at most "
              + MAX_BYTES
              + " bytes without its weights to be saved but has "
              + buffer.remaining()
              + "; large constants may be variables");
    }
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  /**
   * Reads a graph and creates zero arrays for its weights.
   *
   * @throws IllegalArgumentException if it is damaged or has other weights
   */
  static SameDiff read(byte[] bytes, Map<String, long[]> weights) {
    Backend.start();
    SameDiff graph;
    try {
      if (FlatGraph.getRootAsFlatGraph(ByteBuffer.wrap(bytes)).trainingConfig() != null) {
        throw new IllegalArgumentException("graph must have no training configuration but has one");
      }
      graph = SameDiff.fromFlatBuffers(ByteBuffer.wrap(bytes), false);
    } catch (IOException | RuntimeException | OutOfMemoryError | StackOverflowError e) {
      // Lengths and depths in a damaged file can cause these errors.
      throw new IllegalArgumentException("graph cannot be read: " + Shown.text(e), e);
    }
    requireSame(weights, graph);
    weights.forEach(
        (name, shape) ->
            graph.setArrayForVariable(
                name, Nd4j.create(graph.getVariable(name).dataType(), shape)));
    return graph;
  }

  private static void requireSame(Map<String, long[]> weights, SameDiff graph) {
    Set<String> found = new TreeSet<>();
    for (SDVariable variable : graph.variables()) {
      if (isWeight(variable)) {
        found.add(variable.name());
      }
    }
    if (!found.equals(weights.keySet())) {
      throw new IllegalArgumentException(
          "graph must have the weights "
              + Shown.list(weights.keySet())
              + " but has "
              + Shown.list(found));
    }
  }
}
