package org.diffusion4j.autoencoder;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.diffusion4j.engine.graph.WeightSource;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Frozen;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A network for images of any size. A graph has fixed sizes, so there is one for each of the sizes
 * used last; they share the weights.
 */
final class SizedGraphs implements AutoCloseable {

  /** Sizes whose graphs are kept when no call uses them; each has packed copies of the weights. */
  private static final int KEPT = 2;

  /** Adds the layers of a network to a graph. */
  @FunctionalInterface
  interface Network {
    FeatureMap of(Layers layers, FeatureMap x);

    /** The same with a placeholder as its input. */
    default FeatureMap of(Layers layers, String input, int channels, int height, int width) {
      SDVariable x = layers.input(input, -1, channels, height, width);
      return of(layers, new FeatureMap(x, channels, height, width));
    }
  }

  private record Size(int channels, int height, int width) {}

  private static final class Sized {
    final GraphRunner runner;
    final FeatureMap output;
    int users;

    Sized(GraphRunner runner, FeatureMap output) {
      this.runner = runner;
      this.output = output;
    }
  }

  private final Network network;
  private final Map<String, INDArray> weights;
  private final @Nullable WeightSource frozen;
  private final Map<Size, Sized> graphs = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  /**
   * @param weights FLOAT, by name; owned by the caller
   * @param frozen the weights if they stay in their files; owned by the caller
   */
  SizedGraphs(Network network, Map<String, INDArray> weights, @Nullable WeightSource frozen) {
    this.network = network;
    this.weights = weights;
    this.frozen = frozen;
  }

  /**
   * The output for a batch.
   *
   * @param x FLOAT {@code [n, channels, height, width]}, accepted by the network
   */
  INDArray run(INDArray x) {
    Sized graph = acquire(new Size((int) x.size(1), (int) x.size(2), (int) x.size(3)));
    try {
      FeatureMap y = graph.output;
      long[] shape = {x.size(0), y.channels(), y.height(), y.width()};
      return graph.runner.output(Map.of(Graphs.SAMPLE, x), shape);
    } finally {
      // Large beside the weights, and soon allocated again: between two pictures a U-Net runs long.
      graph.runner.releaseIdle();
      release(graph);
    }
  }

  private synchronized Sized acquire(Size size) {
    if (closed) {
      throw new IllegalStateException("the autoencoder is closed");
    }
    Sized graph = graphs.computeIfAbsent(size, s -> Detached.get(() -> build(s)));
    graph.users++;
    return graph;
  }

  private Sized build(Size size) {
    return frozen == null
        ? build(size, Layers.sharing(weights), GraphRunner::sharing)
        : Frozen.build(Frozen.borrowed(frozen), () -> build(size, new Layers(0), GraphRunner::new));
  }

  private Sized build(Size size, Layers layers, Function<SameDiff, GraphRunner> runner) {
    FeatureMap output = network.of(layers, Graphs.SAMPLE, size.channels, size.height, size.width);
    layers.output(output.value());
    return new Sized(runner.apply(layers.sd), output);
  }

  private synchronized void release(Sized graph) {
    graph.users--;
    Iterator<Sized> oldest = graphs.values().iterator();
    while (graphs.size() > KEPT && oldest.hasNext()) {
      Sized next = oldest.next();
      if (next.users == 0) {
        oldest.remove();
        next.runner.close();
      }
    }
  }

  /** Records that the weights were changed. */
  synchronized void weightsChanged() {
    graphs.values().forEach(graph -> graph.runner.weightsChanged());
  }

  /** Waits for current calls and frees the graphs, but not the weights. */
  @Override
  public void close() {
    Map<Size, Sized> all;
    synchronized (this) {
      closed = true;
      all = Map.copyOf(graphs);
      graphs.clear();
    }
    all.values().forEach(graph -> graph.runner.close());
  }
}
