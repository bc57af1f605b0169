package org.diffusion4j.benchmarks;

import static org.diffusion4j.benchmarks.OnnxGraph.attribute;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import onnx.Onnx.AttributeProto;
import org.diffusion4j.benchmarks.OnnxGraph.Value;

/** Layers as nodes of an ONNX graph, using operations with fast kernels in ONNX Runtime. */
final class OnnxLayers implements PeerLayers<Value> {

  private static final String CONTRIBUTED = OnnxGraph.CONTRIBUTED;

  private final OnnxGraph graph;
  private final int normGroups;
  private final Random random = new Random(1);
  private long parameterCount;

  OnnxLayers(OnnxGraph graph, int normGroups) {
    this.graph = graph;
    this.normGroups = normGroups;
  }

  long parameterCount() {
    return parameterCount;
  }

  @Override
  public Value timeFeatures(Value t, int size) {
    float[] values = Frequencies.of(size);
    Value frequencies = graph.floats("frequencies", values, 1, values.length);
    Value angles =
        graph.node("MatMul", List.of(t, frequencies), new long[] {t.size(0), values.length});
    return concat(unary("Sin", angles), unary("Cos", angles));
  }

  @Override
  public Value dense(String name, Value x, int in, int out) {
    Value weight = weight(name + ".weight", 0, 1 / Math.sqrt(in), in, out);
    Value bias = weight(name + ".bias", 0, 0.1, out);
    return graph.node("Gemm", List.of(x, weight, bias), new long[] {x.size(0), out});
  }

  @Override
  public Value conv(String name, Value x, int in, int out, int kernel, int stride) {
    double deviation = 1 / Math.sqrt(in * kernel * kernel);
    Value weight = weight(name + ".weight", 0, deviation, out, in, kernel, kernel);
    Value bias = weight(name + ".bias", 0, 0.1, out);
    long padding = kernel / 2;
    AttributeProto[] attributes = {
      attribute("kernel_shape", kernel, kernel),
      attribute("pads", padding, padding, padding, padding),
      attribute("strides", stride, stride)
    };
    long height = (x.size(2) + stride - 1) / stride;
    long width = (x.size(3) + stride - 1) / stride;
    long[] shape = {x.size(0), out, height, width};
    return graph.node("Conv", List.of(x, weight, bias), shape, attributes);
  }

  /**
   * Instance normalisation of the groups, then scale and bias, because there is no kernel for group
   * normalisation.
   */
  @Override
  public Value groupNorm(String name, Value x, int channels) {
    int groups = normGroups;
    float[] ones = new float[groups];
    Arrays.fill(ones, 1);
    Value one = graph.floats("ones", ones, groups);
    Value zero = graph.floats("zeros", new float[groups], groups);
    long pixels = x.size(2) * x.size(3);
    Value grouped = reshape(x, x.size(0), groups, channels / groups * pixels);
    Value normal =
        graph.node(
            "InstanceNormalization",
            List.of(grouped, one, zero),
            grouped.shape(),
            attribute("epsilon", Net.NORM_EPS));
    Value scale = weight(name + ".weight", 1, 0.1, channels, 1, 1);
    Value bias = weight(name + ".bias", 0, 0.1, channels, 1, 1);
    return binary("Add", binary("Mul", reshape(normal, x.shape()), scale), bias);
  }

  @Override
  public Value silu(Value x) {
    return binary("Mul", x, unary("Sigmoid", x));
  }

  @Override
  public Value add(Value x, Value y) {
    return binary("Add", x, y);
  }

  @Override
  public Value addToChannels(Value x, Value perChannel, int channels) {
    return binary("Add", x, reshape(perChannel, x.size(0), channels, 1, 1));
  }

  @Override
  public Value concat(Value x, Value y) {
    long[] shape = x.shape();
    shape[1] += y.size(1);
    return graph.node("Concat", List.of(x, y), shape, attribute("axis", 1L));
  }

  @Override
  public Value upsample(Value x) {
    Value scales = graph.floats("scales", new float[] {1, 1, 2, 2}, 4);
    return graph.node(
        "Resize",
        List.of(x, OnnxGraph.none(), scales),
        new long[] {x.size(0), x.size(1), 2 * x.size(2), 2 * x.size(3)},
        attribute("mode", "nearest"),
        attribute("coordinate_transformation_mode", "asymmetric"),
        attribute("nearest_mode", "floor"));
  }

  @Override
  public Value attend(Value qkv, int channels) {
    long batch = qkv.size(0);
    long pixels = qkv.size(2) * qkv.size(3);
    Value flat = reshape(qkv, batch, 3L * channels, pixels);
    List<Value> parts =
        graph.nodes(
            "Split",
            List.of(flat, graph.integers(channels, channels, channels)),
            new long[] {batch, channels, pixels},
            3,
            attribute("axis", 1L));
    long[] square = {batch, pixels, pixels};
    Value products = graph.node("MatMul", List.of(transpose(parts.get(0)), parts.get(1)), square);
    float[] scale = {(float) (1 / Math.sqrt(channels))};
    Value scores = binary("Mul", products, graph.floats("scale" + channels, scale, 1));
    Value weights = graph.node("Softmax", List.of(scores), square, attribute("axis", -1L));
    Value mixed =
        graph.node("MatMul", List.of(parts.get(2), transpose(weights)), parts.get(2).shape());
    return reshape(mixed, batch, channels, qkv.size(2), qkv.size(3));
  }

  @Override
  public Value toRows(Value x, int channels) {
    return transpose(reshape(x, x.size(0), channels, x.size(2) * x.size(3)));
  }

  @Override
  public Value toPixels(Value rows, Value like, int channels) {
    return reshape(transpose(rows), like.shape());
  }

  @Override
  public Value rowsDense(String name, Value x, int in, int out, boolean bias) {
    Value weight = weight(name + ".weight", 0, 1 / Math.sqrt(in), in, out);
    long[] shape = {x.size(0), x.size(1), out};
    Value product = graph.node("MatMul", List.of(x, weight), shape);
    return bias ? binary("Add", product, weight(name + ".bias", 0, 0.1, out)) : product;
  }

  @Override
  public Value layerNorm(String name, Value x, int channels) {
    Value scale = weight(name + ".weight", 1, 0.1, channels);
    Value bias = weight(name + ".bias", 0, 0.1, channels);
    return graph.node(
        "LayerNormalization",
        List.of(x, scale, bias),
        x.shape(),
        attribute("axis", -1L),
        attribute("epsilon", Net.NORM_EPS));
  }

  @Override
  public Value geglu(Value x, int channels) {
    List<Value> halves =
        graph.nodes(
            "Split",
            List.of(x, graph.integers(channels, channels)),
            new long[] {x.size(0), x.size(1), channels},
            2,
            attribute("axis", 2L));
    Value gate = graph.node(CONTRIBUTED + "Gelu", List.of(halves.get(1)), halves.get(1).shape());
    return binary("Mul", halves.get(0), gate);
  }

  @Override
  public Value attend(Value q, Value k, Value v, int channels, int heads) {
    return graph.node(
        CONTRIBUTED + "MultiHeadAttention",
        List.of(q, k, v),
        q.shape(),
        attribute("num_heads", (long) heads));
  }

  /** Does nothing: the runtime plans its memory itself. */
  @Override
  public void release(Value x) {}

  private Value transpose(Value x) {
    long[] shape = {x.size(0), x.size(2), x.size(1)};
    return graph.node("Transpose", List.of(x), shape, attribute("perm", 0L, 2L, 1L));
  }

  private Value reshape(Value x, long... shape) {
    return graph.node("Reshape", List.of(x, graph.integers(shape)), shape);
  }

  private Value unary(String operation, Value x) {
    return graph.node(operation, List.of(x), x.shape());
  }

  /** An operation on two tensors; the second may be broadcast to the first. */
  private Value binary(String operation, Value x, Value y) {
    return graph.node(operation, List.of(x, y), x.shape());
  }

  /** Normal weights; with zeros and ones the runtime could omit operations. */
  private Value weight(String name, double mean, double deviation, long... shape) {
    int length = Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    parameterCount += length;
    return graph.floats(name, values, shape);
  }
}
