package org.diffusion4j.unet;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.ToDoubleFunction;
import org.diffusion4j.internal.HostBytes;
import org.diffusion4j.internal.common.Backend;
import org.diffusion4j.unet.UNetGraph.Activation;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
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
final class Layers {

  final SameDiff sd = graph();
  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final Grid grid;
  private final SplittableRandom random;
  private final DataType type;

  /** Layers that compute in FLOAT, with random weights. */
  Layers(long seed) {
    this(seed, DataType.FLOAT);
  }

  Layers(long seed, DataType type) {
    this(Grid.PLANE, seed, type);
  }

  /** Layers for a grid, in FLOAT. */
  Layers(Grid grid, long seed) {
    this(grid, seed, DataType.FLOAT);
  }

  /**
   * @param grid what the layers with a kernel or a change of resolution extend over
   */
  Layers(Grid grid, long seed, DataType type) {
    this.grid = grid;
    random = new SplittableRandom(seed);
    this.type = type;
  }

  private static SameDiff graph() {
    Backend.start();
    return SameDiff.create();
  }

  /** The shapes of the weights so far, in order. */
  Map<String, long[]> shapes() {
    return shapes;
  }

  SDVariable input(String name, long... shape) {
    return sd.placeHolder(name, type, shape);
  }

  /** Sets the output of the graph. */
  void output(SDVariable y) {
    sd.identity(Graphs.OUTPUT, y);
  }

  /** {@code x w + b}. */
  SDVariable dense(String name, SDVariable x, int in, int out) {
    double bound = 1 / Math.sqrt(in);
    SDVariable w = uniform(name + ".weight", bound, in, out);
    return x.mmul(w).add(uniform(name + ".bias", bound, out));
  }

  /** A convolution with an odd kernel size that keeps height and width. */
  SDVariable conv(String name, SDVariable x, int in, int out, int kernel) {
    return conv(name, x, in, out, kernel, 1, kernel / 2, PaddingMode.VALID);
  }

  /** A convolution that halves height and width, or the width alone on a line. */
  SDVariable downsample(String name, SDVariable x, int channels, int padding) {
    // With padding 0 diffusers adds a row at the bottom and a column on the right, like SAME.
    return padding == 0
        ? conv(name, x, channels, channels, 3, 2, 0, PaddingMode.SAME)
        : conv(name, x, channels, channels, 3, 2, padding, PaddingMode.VALID);
  }

  /** The same linear map at each pixel; its weight is a matrix. */
  SDVariable pointwise(String name, SDVariable x, int channels) {
    double bound = 1 / Math.sqrt(channels);
    SDVariable w = uniform(name + ".weight", bound, channels, channels);
    SDVariable b = uniform(name + ".bias", bound, channels);
    SDVariable kernel = sd.reshape(w, 1, 1, channels, channels);
    return sd.cnn().conv2d(x, kernel, b, convConfig(1, 1, 0, PaddingMode.VALID));
  }

  private SDVariable conv(
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
  SDVariable groupNorm(String name, Activation x, int groups, double eps) {
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
  SDVariable scaleShift(SDVariable y, SDVariable scaleAndShift, int channels) {
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

  SDVariable silu(SDVariable x) {
    return sd.nn().swish(x);
  }

  /** Doubles height and width, or the width alone on a line. */
  SDVariable nearest(SDVariable x) {
    return sd.cnn().upsampling2d(x, grid.height(2, 1), 2, true);
  }

  /** Halves height and width. */
  SDVariable averagePool(SDVariable x) {
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

  Activation concat(Activation a, Activation b) {
    return a.of(sd.concat(1, a.value(), b.value()), a.channels() + b.channels());
  }

  /** Two dense layers with a SiLU between them. */
  SDVariable timeMlp(String name, SDVariable x, int in, int out) {
    return dense(name + ".linear_2", silu(dense(name + ".linear_1", x, in, out)), out, out);
  }

  /**
   * Sines and cosines of {@code t} at frequencies from 1 to about 1/10000: Vaswani et al. 2017,
   * section 3.5.
   */
  SDVariable sinusoidal(SDVariable t, int size, boolean cosinesFirst, double shift) {
    int half = size / 2;
    float[] frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) Math.exp(-Math.log(10_000) * i / (half - shift));
    }
    SDVariable angles = t.mmul(constant(frequencies));
    SDVariable sin = sd.math().sin(angles);
    SDVariable cos = sd.math().cos(angles);
    return cosinesFirst ? sd.concat(1, cos, sin) : sd.concat(1, sin, cos);
  }

  /** Sines and cosines of {@code log t} at fixed random frequencies: Song et al. 2021. */
  SDVariable fourier(SDVariable frequencies, SDVariable t, int size) {
    SDVariable angles = sd.math().log(t).mmul(sd.reshape(frequencies, 1, size)).mul(2).mul(Math.PI);
    return sd.concat(1, sd.math().sin(angles), sd.math().cos(angles));
  }

  /** The random frequencies of a Fourier embedding, with standard deviation 16. */
  SDVariable frequencies(String name, int size) {
    return weight(sd::constant, name, r -> 16 * gaussian(r), size);
  }

  /** The rows of a learned table at integer timesteps; zeros for timesteps outside the table. */
  SDVariable lookup(SDVariable table, SDVariable t, int rows) {
    // The gradient of ND4J's gather is a loop, and a graph can have only one.
    SDVariable index = sd.reshape(sd.castTo(t, DataType.INT32), -1);
    return sd.oneHot(index, rows, -1, 1, 0, type).mmul(table);
  }

  /** A table of standard normal entries. */
  SDVariable table(String name, int rows, int size) {
    return variable(name, Layers::gaussian, rows, size);
  }

  private SDVariable constant(float[] row) {
    return sd.constant(typed(Nd4j.create(row, new long[] {1, row.length}, 'c')));
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
    shapes.put(name, shape);
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
    return kind.apply(name, typed(values));
  }

  private INDArray typed(INDArray values) {
    return values.dataType() == type ? values : values.castTo(type);
  }

  /** The Box-Muller transform. */
  private static double gaussian(SplittableRandom random) {
    double radius = Math.sqrt(-2 * Math.log(1 - random.nextDouble()));
    return radius * Math.cos(2 * Math.PI * random.nextDouble());
  }
}
