package org.diffusion4j.unet;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.diffusion4j.Condition;
import org.diffusion4j.Condition.Embeddings;
import org.diffusion4j.Condition.Inputs;
import org.diffusion4j.Condition.Pictures;
import org.diffusion4j.internal.nn.Graphs;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** A graph's placeholders for embeddings, pictures and further inputs, if it has any. */
final class ConditionInputs {

  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final Set<String> further = new TreeSet<>();

  /**
   * @throws IllegalArgumentException if one has a wrong rank, or an unknown size that must be known
   */
  ConditionInputs(SameDiff graph, GraphTraits traits) {
    find(graph, Graphs.EMBEDDINGS, "[-1, tokens, width]", 3, 2);
    find(graph, Graphs.MASK, "[-1, tokens]", 2, -1);
    find(graph, Graphs.POOLED, "[-1, width]", 2, 1);
    find(graph, Graphs.PICTURES, "[-1, channels, height, width]", 4, 1);
    for (String name : new String[] {Graphs.MASK, Graphs.POOLED}) {
      if (shapes.containsKey(name) && !shapes.containsKey(Graphs.EMBEDDINGS)) {
        throw new IllegalArgumentException(
            "graph with a placeholder " + name + " must have one named " + Graphs.EMBEDDINGS);
      }
    }
    findFurther(graph, traits);
  }

  private void findFurther(SameDiff graph, GraphTraits traits) {
    for (SDVariable variable : graph.variables()) {
      String name = variable.name();
      boolean known =
          !variable.isPlaceHolder()
              || shapes.containsKey(name)
              || name.equals(Graphs.SAMPLE)
              || name.equals(Graphs.TIMESTEP)
              || name.endsWith(Graphs.NOISE)
              || (name.equals(Graphs.CLASS) && !traits.vectorLabels())
              || (name.endsWith(Graphs.DROPOUT) && traits.dropout() > 0);
      if (!known) {
        long[] shape = variable.placeholderShape();
        find(graph, name, "[-1, ...]", shape == null ? 1 : Math.max(1, shape.length), -1);
        further.add(name);
      }
    }
  }

  /**
   * @param known a dimension whose size the graph must fix, or -1
   */
  private void find(SameDiff graph, String name, String form, int rank, int known) {
    if (!graph.hasVariable(name)) {
      return;
    }
    SDVariable variable = graph.getVariable(name);
    long[] shape = variable.isPlaceHolder() ? variable.placeholderShape() : null;
    if (shape == null || shape.length != rank || shape[0] >= 0 || (known > 0 && shape[known] < 1)) {
      throw new IllegalArgumentException(
          name
              + " must be a placeholder "
              + form
              + " but was "
              + (shape == null ? variable.getVariableType() : Arrays.toString(shape)));
    }
    shapes.put(name, shape.clone());
  }

  /** The names of the placeholders. */
  Set<String> names() {
    return shapes.keySet();
  }

  /** The conditions of a model with labels and these placeholders. */
  Condition.Takes with(Condition.Takes labels) {
    return new Condition.Takes(
        labels.classes(),
        labels.unlabelled(),
        size(Graphs.EMBEDDINGS, 2),
        size(Graphs.PICTURES, 1),
        further);
  }

  private int size(String name, int dimension) {
    long[] shape = shapes.get(name);
    return shape == null ? 0 : Math.toIntExact(shape[dimension]);
  }

  /**
   * The shapes for a batch.
   *
   * @param open the value for sizes that the graph leaves open, or 0
   * @return empty if there are such sizes and {@code open} is 0
   */
  Optional<Map<String, long[]>> shapes(int n, int open) {
    Map<String, long[]> all = new LinkedHashMap<>();
    for (Map.Entry<String, long[]> entry : shapes.entrySet()) {
      long[] shape = entry.getValue().clone();
      shape[0] = n;
      for (int d = 1; d < shape.length; d++) {
        if (shape[d] < 0 && open == 0) {
          return Optional.empty();
        }
        shape[d] = shape[d] < 0 ? open : shape[d];
      }
      all.put(entry.getKey(), shape);
    }
    return Optional.of(all);
  }

  /**
   * Adds the arrays of a condition.
   *
   * @param inputs receives them by name
   * @param made receives those that the caller must close
   * @throws IllegalArgumentException if the graph has no placeholder for an array, or if a shape
   *     does not fit
   */
  void add(Condition condition, Map<String, INDArray> inputs, List<INDArray> made) {
    condition.part(Embeddings.class).ifPresent(part -> addEmbeddings(part, inputs, made));
    condition
        .part(Pictures.class)
        .ifPresent(part -> put(Graphs.PICTURES, "pictures", part.pictures(), inputs));
    condition
        .part(Inputs.class)
        .ifPresent(
            part ->
                part.arrays().forEach((name, array) -> put(name, "input " + name, array, inputs)));
  }

  private void addEmbeddings(Embeddings part, Map<String, INDArray> inputs, List<INDArray> made) {
    INDArray tokens = part.tokens();
    put(Graphs.EMBEDDINGS, "embeddings", tokens, inputs);
    INDArray mask = part.mask();
    if (mask == null && shapes.containsKey(Graphs.MASK)) {
      mask = Nd4j.ones(DataType.FLOAT, tokens.size(0), tokens.size(1));
      made.add(mask);
    }
    put(Graphs.MASK, "mask of embeddings", mask, inputs);
    put(Graphs.POOLED, "pooled embeddings", part.pooled(), inputs);
  }

  private void put(
      String name, String what, @Nullable INDArray array, Map<String, INDArray> inputs) {
    long[] shape = shapes.get(name);
    if (shape == null) {
      if (array != null) {
        throw new IllegalArgumentException(
            what + " must be null because the graph has no placeholder " + name);
      }
      return;
    }
    if (array == null) {
      throw new IllegalArgumentException(
          what
              + " must be present, because the graph has a placeholder "
              + name
              + ", but were null");
    }
    boolean fits = array.rank() == shape.length;
    for (int d = 1; fits && d < shape.length; d++) {
      fits = shape[d] < 0 || shape[d] == array.size(d);
    }
    if (!fits) {
      throw new IllegalArgumentException(
          what
              + " must be "
              + Arrays.toString(shape).replaceFirst("-1", "n")
              + " but were "
              + Arrays.toString(array.shape()));
    }
    inputs.put(name, array);
  }
}
