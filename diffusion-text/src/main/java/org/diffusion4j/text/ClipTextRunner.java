package org.diffusion4j.text;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.internal.text.ClipTextGraph;
import org.diffusion4j.text.ClipTextModel.Config;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** A model's graph: its inputs and results by name, and calls of it. */
final class ClipTextRunner implements AutoCloseable {

  private static final String IDS = "input_ids";
  private static final String BIAS = "attention_bias";
  private static final String ROW = "pooled_row";
  private static final String POOLED = "pooled";

  private final Config config;
  private final ClipTextInputs arrays;
  private final GraphRunner runner;

  ClipTextRunner(Config config, Layers layers) {
    this.config = config;
    arrays = new ClipTextInputs(config);
    ClipTextGraph graph = config.graph();
    int positions = config.positions();
    SDVariable ids = layers.sd.placeHolder(IDS, DataType.INT32, -1, positions);
    ClipTextGraph.Hidden hidden =
        config.masked()
            ? graph.build(
                layers, "", ids, layers.input(BIAS, -1, config.heads(), positions, positions))
            : graph.build(layers, "", ids);
    for (int skip = 0; skip <= config.layers(); skip++) {
      layers.sd.identity(name(skip, false), hidden.state(skip));
      layers.sd.identity(name(skip, true), hidden.normed(skip));
    }
    layers.sd.identity(POOLED, hidden.pooled(layers.input(ROW, -1, 1, positions)));
    runner = new GraphRunner(layers.sd);
  }

  private static String name(int skip, boolean normed) {
    return (normed ? "normed_state." : "hidden_state.") + skip;
  }

  GraphRunner runner() {
    return runner;
  }

  /**
   * Runs the model, as {@link ClipTextModel#outputs(int[][], int[][], int, boolean)} says.
   *
   * @param pooled whether there is a pooled embedding; without one, skipped blocks do not run
   */
  Condition.Embeddings run(
      int[][] ids, int @Nullable [][] mask, int skip, boolean normed, boolean pooled) {
    runner.requireOpen();
    ClipTextRules.requireIds(ids, config);
    ClipTextRules.requireMask(mask, ids, config);
    ClipTextRules.requireSkip(skip, config);
    return Detached.get(() -> runChecked(ids, mask, skip, normed, pooled));
  }

  private Condition.Embeddings runChecked(
      int[][] ids, int @Nullable [][] mask, int skip, boolean normed, boolean pooled) {
    int n = ids.length;
    int positions = config.positions();
    String hidden = name(skip, normed);
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(hidden, new long[] {n, positions, config.width()});
    if (pooled) {
      shapes.put(POOLED, new long[] {n, config.pooledWidth()});
    }
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    try {
      inputs.put(IDS, arrays.ids(ids));
      if (pooled) {
        inputs.put(ROW, arrays.rows(ids));
      }
      if (config.masked()) {
        inputs.put(BIAS, arrays.bias(mask, n));
      }
      Map<String, INDArray> results = runner.outputs(inputs, shapes, Precision.FLOAT32);
      INDArray tokens = cut(Objects.requireNonNull(results.get(hidden)), ids[0].length);
      return Condition.embeddings(tokens, null, results.get(POOLED)).owning();
    } finally {
      inputs.values().forEach(INDArray::close);
    }
  }

  private static INDArray cut(INDArray states, int length) {
    if (states.size(1) == length) {
      return states;
    }
    try (states) {
      return states
          .get(NDArrayIndex.all(), NDArrayIndex.interval(0, length), NDArrayIndex.all())
          .dup('c');
    }
  }

  @Override
  public void close() {
    runner.close();
  }
}
