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

  /** The name of the input of texts, FLOAT {@code [batch, tokens, width]}, if it takes them. */
  static final String TEXT = "text";

  private OnnxUNet() {}

  /**
   * Writes the model. Its batch size is fixed, which is fastest. The weights of a network that
   * takes texts are in another file of its folder, {@code weights}.
   *
   * @param file its folder must not have been written to
   * @return the number of its parameters
   */
  static long write(Net net, int batch, Path file) throws IOException {
    OnnxGraph graph = new OnnxGraph(net.takesText() ? file.resolveSibling("weights") : null);
    OnnxLayers layers = new OnnxLayers(graph, net.normGroups());
    Value x = graph.input(SAMPLE, batch, net.channels(), net.size(), net.size());
    Value t = graph.input(TIMESTEP, batch, 1);
    Value text = net.takesText() ? graph.input(TEXT, batch, Net.TOKENS, Net.TEXT_WIDTH) : null;
    graph.output(new PeerUNet<>(net, layers).forward(x, t, text));
    graph.write(file);
    return layers.parameterCount();
  }
}
