package org.diffusion4j.internal.nn;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import org.diffusion4j.internal.HostBytes;
import org.diffusion4j.internal.common.Backend;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The layers of networks, as operations of a SameDiff graph, with PyTorch's weight initialisation.
 *
 * <p>It uses operations with correct and fast gradients in ND4J (docs/decisions/0004). A weight's
 * last dimension is its output: {@code [in, out]} and {@code [kH, kW, in, out]}, the reverse of
 * PyTorch's.
 */
public final class Layers {

  public final SameDiff sd;
  private final Map<String, long[]> shapes;
  private final Grid grid;
  private final DataType type;
  private final Source source;
  private final Tuning tuning;
  private final String prefix;

  /** Where the arrays of weights come from. */
  private interface Source {

    /** The array of a weight, or null to leave the variable without one. */
    @Nullable INDArray array(String name, ToDoubleFunction<SplittableRandom> draw, long[] shape);
  }

  /** Adds something to what a dense layer makes of its input. */
  @FunctionalInterface
  public interface Adapter {

    /** No addition. */
    Adapter NONE = (name, x, y, in, out) -> y;

    /**
     * The output with the addition.
     *
     * @param name of the layer
     * @param x the input, {@code [rows, in]}
     * @param y the layer's output, {@code [rows, out]}
     */
    SDVariable adapt(String name, SDVariable x, SDVariable y, int in, int out);
  }

  /**
   * What is trained.
   *
   * @param trained whether the weight with a name is trained; others are constants
   * @param adapter of all dense layers
   */
  private record Tuning(Predicate<String> trained, Adapter adapter) {
    static final Tuning ALL = new Tuning(name -> true, Adapter.NONE);
  }

  /** Layers that compute in FLOAT, with random weights. */
  public Layers(long seed) {
    this(seed, DataType.FLOAT);
  }

  public Layers(long seed, DataType type) {
    this(Grid.PLANE, seed, type);
  }

  /** Layers for a grid, in FLOAT. */
  public Layers(Grid grid, long seed) {
    this(grid, seed, DataType.FLOAT);
  }

  /**
   * @param grid what the layers with a kernel or a change of resolution extend over
   */
  public Layers(Grid grid, long seed, DataType type) {
    this(graph(), new LinkedHashMap<>(), grid, type, random(seed, type), Tuning.ALL, "");
  }

  private static Source random(long seed, DataType type) {
    SplittableRandom random = new SplittableRandom(seed);
    return Frozen.isBuilding()
        ? (name, draw, shape) -> null
        : (name, draw, shape) -> typed(drawn(draw, random, shape), type);
  }

  private Layers(Source source, Tuning tuning) {
    this(graph(), new LinkedHashMap<>(), Grid.PLANE, DataType.FLOAT, source, tuning, "");
  }

  private Layers(
      SameDiff sd,
      Map<String, long[]> shapes,
      Grid grid,
      DataType type,
      Source source,
      Tuning tuning,
      String prefix) {
    this.sd = sd;
    this.shapes = shapes;
    this.grid = grid;
    this.type = type;
    this.source = source;
    this.tuning = tuning;
    this.prefix = prefix;
  }

  /** These layers, in the same graph, whose weights have names with a prefix. */
  public Layers within(String part) {
    return new Layers(sd, shapes, grid, type, source, tuning, prefix + part);
  }

  /**
   * Layers whose weights are the given arrays, which several graphs may share ({@link
   * GraphRunner#sharing}).
   *
   * @param weights FLOAT, by name
   */
  public static Layers sharing(Map<String, INDArray> weights) {
    return new Layers(given(weights), Tuning.ALL);
  }

  /**
   * The same for fine-tuning.
   *
   * @param weights FLOAT, by name
   * @param trained whether the weight with a name is trained; others become constants
   * @param adapter adds to the outputs of dense layers
   */
  public static Layers tuning(
      Map<String, INDArray> weights, Predicate<String> trained, Adapter adapter) {
    return new Layers(given(weights), new Tuning(trained, adapter));
  }

  private static Source given(Map<String, INDArray> weights) {
    return (name, draw, shape) -> {
      INDArray array = weights.get(name);
      if (array == null || !Arrays.equals(array.shape(), shape)) {
        throw new IllegalArgumentException(
            name
                + " must be "
                + Arrays.toString(shape)
                + " but is "
                + (array == null ? "missing" : Arrays.toString(array.shape())));
      }
      return array;
    };
  }

  /** Layers whose weights have shapes but no arrays, so that they need no memory. */
  public static Layers withoutArrays() {
    return new Layers((name, draw, shape) -> null, Tuning.ALL);
  }

  private static SameDiff graph() {
    Backend.start();
    return SameDiff.create();
  }

  Grid grid() {
    return grid;
  }

  /** The shapes of the weights so far, in order. */
  public Map<String, long[]> shapes() {
    return shapes;
  }

  public SDVariable input(String name, long... shape) {
    return sd.placeHolder(name, type, shape);
  }

  /** Sets the output of the graph. */
  public void output(SDVariable y) {
    sd.identity(Graphs.OUTPUT, y);
  }

  /** {@code x w + b}. */
  public SDVariable dense(String name, SDVariable x, int in, int out) {
    double bound = 1 / Math.sqrt(in);
    SDVariable w = uniform(name + ".weight", bound, in, out);
    return adapted(name, x, x.mmul(w).add(uniform(name + ".bias", bound, out)), in, out);
  }

  /** {@code x w^T + b}, with the weight {@code [out, in]} in PyTorch's layout. */
  public SDVariable denseOfTransposed(String name, SDVariable x, int in, int out) {
    double bound = 1 / Math.sqrt(in);
    SDVariable w = uniform(name + ".weight", bound, out, in);
    return sd.mmul(x, w, false, true, false).add(uniform(name + ".bias", bound, out));
  }

  /** {@code x w}. */
  public SDVariable denseWithoutBias(String name, SDVariable x, int in, int out) {
    SDVariable w = uniform(name + ".weight", 1 / Math.sqrt(in), in, out);
    return adapted(name, x, x.mmul(w), in, out);
  }

  private SDVariable adapted(String name, SDVariable x, SDVariable y, int in, int out) {
    return tuning.adapter.adapt(prefix + name, x, y, in, out);
  }

  /**
   * {@code (x - mean) / sqrt(variance + eps)} over the channels, scaled and shifted (Ba et al.
   * 2016).
   *
   * @param x {@code [rows, channels]}
   */
  public SDVariable layerNorm(String name, SDVariable x, int channels, double eps) {
    return layerNorm(name, channels, eps).apply(x);
  }

  /** The same as a function, for several values that share a scale and a shift. */
  public UnaryOperator<SDVariable> layerNorm(String name, int channels, double eps) {
    SDVariable gamma = variable(name + ".weight", r -> 1, channels);
    SDVariable beta = variable(name + ".bias", r -> 0, channels);
    return x -> {
      SDVariable centred = x.sub(x.mean(true, 1));
      SDVariable variance = centred.mul(centred).mean(true, 1);
      SDVariable normed = centred.mul(sd.math().rsqrt(variance.add(eps)));
      return normed.mul(gamma).add(beta);
    };
  }

  /**
   * Scaled dot-product attention with several heads (Vaswani et al. 2017, section 3.2).
   *
   * @param q queries, {@code [n * queries, channels]}
   * @param k keys, {@code [n * keys, channels]}
   * @param v values, {@code [n * keys, channels]}
   * @param channels of all heads together
   * @param bias added to the scaled scores, broadcast to {@code [n, heads, queries, keys]}, or null
   * @return {@code [n * queries, channels]}
   */
  public SDVariable attention(
      SDVariable q,
      SDVariable k,
      SDVariable v,
      int queries,
      int keys,
      int channels,
      int heads,
      @Nullable SDVariable bias) {
    int size = channels / heads;
    SDVariable scores =
        sd.mmul(heads(q, queries, heads, size), heads(k, keys, heads, size), false, true, false)
            .mul(1 / Math.sqrt(size));
    if (bias != null) {
      scores = scores.add(bias);
    }
    SDVariable mixed = sd.mmul(sd.nn().softmax(scores, -1), heads(v, keys, heads, size));
    return sd.reshape(sd.permute(mixed, 0, 2, 1, 3), -1, channels);
  }

  /** {@code [n * rows, heads * size]} as {@code [n, heads, rows, size]}. */
  private SDVariable heads(SDVariable x, int rows, int heads, int size) {
    return sd.permute(sd.reshape(x, -1, rows, heads, size), 0, 2, 1, 3);
  }

  /** {@code x Phi(x)} with the exact normal distribution (Hendrycks and Gimpel 2016). */
  public SDVariable gelu(SDVariable x) {
    return x.mul(0.5).mul(sd.math().erf(x.mul(Math.sqrt(0.5))).add(1));
  }

  /** {@code x sigmoid(1.702 x)}, CLIP's approximation of {@link #gelu}. */
  public SDVariable quickGelu(SDVariable x) {
    return sd.nn().gelu(x);
  }

  /** A convolution with an odd kernel size that keeps height and width. */
  public SDVariable conv(String name, SDVariable x, int in, int out, int kernel) {
    return conv(name, x, in, out, kernel, 1, kernel / 2, PaddingMode.VALID);
  }

  /**
   * A convolution of a plane with a 3x3 kernel, padding 1 and no bias.
   *
   * @param stride 1, or 2 to halve height and width, rounded up
   */
  public SDVariable convWithoutBias(String name, SDVariable x, int channels, int stride) {
    double bound = 1 / Math.sqrt(9.0 * channels);
    SDVariable w = uniform(name + ".weight", bound, 3, 3, channels, channels);
    SDVariable none = sd.constant(Nd4j.zeros(type, channels));
    return sd.cnn().conv2d(x, w, none, convConfig(3, stride, 1, PaddingMode.VALID));
  }

  /** The same linear map at each pixel; its weight is a matrix. */
  public SDVariable pointwise(String name, SDVariable x, int channels) {
    double bound = 1 / Math.sqrt(channels);
    SDVariable w = uniform(name + ".weight", bound, channels, channels);
    SDVariable b = uniform(name + ".bias", bound, channels);
    SDVariable kernel = sd.reshape(w, 1, 1, channels, channels);
    return sd.cnn().conv2d(x, kernel, b, convConfig(1, 1, 0, PaddingMode.VALID));
  }

  SDVariable conv(
      String name,
      SDVariable x,
      int in,
      int out,
      int kernel,
      int stride,
      int padding,
      PaddingMode mode) {
    int rows = grid.height(kernel, 1);
    double bound = 1 / Math.sqrt((double) in * rows * kernel);
    SDVariable w = uniform(name + ".weight", bound, rows, kernel, in, out);
    SDVariable b = uniform(name + ".bias", bound, out);
    return sd.cnn().conv2d(x, w, b, convConfig(kernel, stride, padding, mode));
  }

  private Conv2DConfig convConfig(int kernel, int stride, int padding, PaddingMode mode) {
    return Conv2DConfig.builder()
        .kH(grid.height(kernel, 1))
        .kW(kernel)
        .sH(grid.height(stride, 1))
        .sW(stride)
        .pH(grid.height(padding, 0))
        .pW(padding)
        .paddingMode(mode)
        .dataFormat("NCHW")
        .weightsFormat(WeightsFormat.YXIO)
        .build();
  }

  /** {@code (x - mean) / sqrt(variance + eps)} over groups of channels, scaled and shifted. */
  public SDVariable groupNorm(String name, FeatureMap x, int groups, double eps) {
    int channels = x.channels();
    int grouped = channels / groups;
    int pixels = x.height() * x.width();
    SDVariable gamma = variable(name + ".weight", r -> 1, channels);
    SDVariable beta = variable(name + ".bias", r -> 0, channels);

    SDVariable flat = sd.reshape(x.value(), -1, groups, (long) grouped * pixels);
    SDVariable centred = flat.sub(flat.mean(true, 2));
    SDVariable variance = centred.mul(centred).mean(true, 2);
    SDVariable inverse = sd.math().rsqrt(variance.add(eps));
    SDVariable scale = sd.reshape(gamma, 1, groups, grouped).mul(inverse);

    SDVariable y = sd.reshape(centred, -1, channels, x.height(), x.width());
    y = y.mul(expand(sd.reshape(scale, -1, channels, 1, 1), y));
    return y.add(sd.reshape(beta, 1, channels, 1, 1));
  }

  /** {@code y (1 + scale) + shift}, with one scale and one shift per channel and sample. */
  public SDVariable scaleShift(SDVariable y, SDVariable scaleAndShift, int channels) {
    SDVariable[] halves = sd.split(scaleAndShift, 2, 1);
    SDVariable scale = sd.reshape(halves[0], -1, channels, 1, 1).add(1);
    SDVariable shift = sd.reshape(halves[1], -1, channels, 1, 1);
    return y.mul(expand(scale, y)).add(shift);
  }

  /**
   * Broadcasts values to another shape by an addition, because ND4J's broadcast multiplication is
   * slow.
   */
  private SDVariable expand(SDVariable values, SDVariable like) {
    return sd.zerosLike(like).add(values);
  }

  /** A product with a mask from {@link GraphRunner}; outside of training it has only ones. */
  public SDVariable dropout(String name, FeatureMap x) {
    String mask = prefix + name + Graphs.DROPOUT;
    return x.value().mul(input(mask, -1, x.channels(), x.height(), x.width()));
  }

  public SDVariable silu(SDVariable x) {
    return sd.nn().swish(x);
  }

  /** Doubles height and width, or the width alone on a line. */
  public SDVariable nearest(SDVariable x) {
    return sd.cnn().upsampling2d(x, grid.height(2, 1), 2, true);
  }

  /** Halves height and width. */
  public SDVariable averagePool(SDVariable x) {
    return sd.cnn()
        .avgPooling2d(
            x,
            Pooling2DConfig.builder()
                .kH(2)
                .kW(2)
                .sH(2)
                .sW(2)
                .paddingMode(PaddingMode.VALID)
                .isNHWC(false)
                .build());
  }

  /** Samples, followed by the channels of the condition's pictures if there are any. */
  public SDVariable samples(int channels, int pictures, int height, int width) {
    SDVariable sample = input(Graphs.SAMPLE, -1, channels, height, width);
    return pictures == 0
        ? sample
        : sd.concat(1, sample, input(Graphs.PICTURES, -1, pictures, height, width));
  }

  public FeatureMap concat(FeatureMap a, FeatureMap b) {
    return a.of(sd.concat(1, a.value(), b.value()), a.channels() + b.channels());
  }

  /** Two dense layers with a SiLU between them. */
  public SDVariable timeMlp(String name, SDVariable x, int in, int out) {
    return timeMlp(name, x, in, out, ActivationFunction.SILU);
  }

  /** Two dense layers with an activation between them. */
  public SDVariable timeMlp(
      String name, SDVariable x, int in, int out, ActivationFunction activation) {
    SDVariable hidden = activation.of(this, dense(name + ".linear_1", x, in, out));
    return dense(name + ".linear_2", hidden, out, out);
  }

  /**
   * Sines and cosines of {@code t} at frequencies from 1 to about 1/10000: Vaswani et al. 2017,
   * section 3.5.
   */
  public SDVariable sinusoidal(SDVariable t, int size, boolean cosinesFirst, double shift) {
    int half = size / 2;
    float[] frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) Math.exp(-Math.log(10_000) * i / (half - shift));
    }
    return sinesAndCosines(t.mmul(constant(frequencies)), cosinesFirst);
  }

  private SDVariable sinesAndCosines(SDVariable angles, boolean cosinesFirst) {
    SDVariable sin = sd.math().sin(angles);
    SDVariable cos = sd.math().cos(angles);
    return cosinesFirst ? sd.concat(1, cos, sin) : sd.concat(1, sin, cos);
  }

  /** Sines and cosines of t at fixed random frequencies: Song et al. 2021, who take log t. */
  public SDVariable fourier(SDVariable frequencies, SDVariable t, int size, boolean cosinesFirst) {
    SDVariable angles = t.mmul(sd.reshape(frequencies, 1, size)).mul(2).mul(Math.PI);
    return sinesAndCosines(angles, cosinesFirst);
  }

  /** The random frequencies of a Fourier embedding, which are not trained. */
  public SDVariable frequencies(String name, int size, double deviation) {
    return weight(sd::constant, name, r -> deviation * gaussian(r), size);
  }

  /** The rows of a learned table at integer timesteps; zeros for timesteps outside the table. */
  public SDVariable lookup(SDVariable table, SDVariable t, int rows) {
    // The gradient of ND4J's gather is a loop, and a graph can have only one.
    SDVariable index = sd.reshape(sd.castTo(t, DataType.INT32), -1);
    return sd.oneHot(index, rows, -1, 1, 0, type).mmul(table);
  }

  /** A table of standard normal entries. */
  public SDVariable table(String name, int rows, int size) {
    return table(name, rows, size, 1);
  }

  /** A table of normal entries with a standard deviation. */
  public SDVariable table(String name, int rows, int size, double deviation) {
    return variable(name, r -> deviation * gaussian(r), rows, size);
  }

  /**
   * The rows of a table at whole numbers.
   *
   * @param numbers INT or LONG {@code [n, ...]}, in [0, rows)
   */
  public SDVariable rows(SDVariable table, SDVariable numbers) {
    return sd.gather(table, numbers, 0);
  }

  private SDVariable constant(float[] row) {
    return constant(row, 1, row.length);
  }

  /** A matrix of given values. */
  SDVariable constant(float[] values, int rows, int columns) {
    return sd.constant(typed(Nd4j.create(values, new long[] {rows, columns}, 'c'), type));
  }

  private SDVariable uniform(String name, double bound, long... shape) {
    return variable(name, r -> bound * (2 * r.nextDouble() - 1), shape);
  }

  private SDVariable variable(String name, ToDoubleFunction<SplittableRandom> draw, long... shape) {
    return weight(sd::var, name, draw, shape);
  }

  private SDVariable weight(
      BiFunction<String, INDArray, SDVariable> kind,
      String name,
      ToDoubleFunction<SplittableRandom> draw,
      long... shape) {
    String whole = prefix + name;
    shapes.put(whole, shape);
    INDArray array = source.array(whole, draw, shape);
    if (array == null) {
      return sd.addVariable(new SDVariable(whole, VariableType.VARIABLE, sd, shape, type));
    }
    return tuning.trained.test(whole) ? kind.apply(whole, array) : sd.constant(whole, array);
  }

  private static INDArray drawn(
      ToDoubleFunction<SplittableRandom> draw, SplittableRandom random, long... shape) {
    INDArray values = Nd4j.createUninitialized(DataType.FLOAT, shape);
    try {
      HostBytes.fill(
          values,
          (bytes, start) -> {
            while (bytes.hasRemaining()) {
              bytes.putFloat((float) draw.applyAsDouble(random));
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e); // Nothing is read or written.
    }
    return values;
  }

  private static INDArray typed(INDArray values, DataType type) {
    return values.dataType() == type ? values : values.castTo(type);
  }

  /** The Box-Muller transform. */
  private static double gaussian(SplittableRandom random) {
    double radius = Math.sqrt(-2 * Math.log(1 - random.nextDouble()));
    return radius * Math.cos(2 * Math.PI * random.nextDouble());
  }
}
