package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.benchmarks.OnnxGraph.Value;

/** The network as an ONNX model with random weights. */
final class OnnxUNet {

  /** The name of the sample input, FLOAT {@code [batch, channels, size, size]}. */
  static final String SAMPLE = "x";

  /** The name of the timestep input, FLOAT {@code [batch, 1]}. */
  static final String TIMESTEP = "t";

  private OnnxUNet() {}

  /**
   * Writes the model. Its batch size is fixed, which is fastest.
   *
   * @return the number of its parameters
   */
  static long write(Net net, int batch, Path file) throws IOException {
    OnnxGraph graph = new OnnxGraph();
    OnnxLayers layers = new OnnxLayers(graph);
    Value x = graph.input(SAMPLE, batch, net.channels(), net.size(), net.size());
    Value t = graph.input(TIMESTEP, batch, 1);
    graph.output(new PeerUNet<>(net, layers).forward(x, t));
    graph.write(file);
    return layers.parameterCount();
  }
}
