package org.diffusion4j.unet;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.diffusion4j.internal.nn.Graphs;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;

/** Graphs as users write them, most with operations that plans leave to ND4J. */
final class OwnGraphs {

  private OwnGraphs() {}

  /** What a graph does to a sample, at a timestep. */
  interface Body {
    SDVariable of(SameDiff sd, SDVariable x, SDVariable t);
  }

  private static Supplier<SameDiff> graph(Body body, long... sample) {
    long[] shape = new long[sample.length + 1];
    shape[0] = -1;
    System.arraycopy(sample, 0, shape, 1, sample.length);
    return () -> {
      SameDiff sd = SameDiff.create();
      SDVariable x = sd.placeHolder(Graphs.SAMPLE, DataType.FLOAT, shape);
      SDVariable t = sd.placeHolder(Graphs.TIMESTEP, DataType.FLOAT, -1, 1);
      sd.identity(Graphs.OUTPUT, body.of(sd, x, t.mul(0.01)));
      return sd;
    };
  }

  private static Supplier<SameDiff> vector(Body body) {
    return graph(body, 6);
  }

  private static Supplier<SameDiff> image(Body body) {
    return graph(body, 2, 6, 4);
  }

  private static SDVariable weight(SameDiff sd, String name, long... shape) {
    return sd.var(name, PlanAndSession.gaussian(new Random(name.hashCode()), shape).muli(0.4));
  }

  /** {@code x w}, of six features. */
  private static SDVariable linear(SameDiff sd, SDVariable x) {
    return x.mmul(weight(sd, "w", 6, 6));
  }

  /** Of vectors of six features: elementwise, reducing and broadcasting operations in a row. */
  static Supplier<SameDiff> everything() {
    return vector(
        (sd, x, t) -> {
          SDVariable y = sd.math().tanh(linear(sd, x).add(t));
          y = y.add(sd.nn().relu(x, 0)).sub(y.mean(true, 1));
          y = sd.nn().layerNorm(y, weight(sd, "gain", 6), weight(sd, "bias", 6), true, 1);
          return sd.nn().softplus(y).div(sd.math().square(x).add(1));
        });
  }

  /** Of six features each. */
  static Map<String, Supplier<SameDiff>> vectors() {
    Map<String, Supplier<SameDiff>> all = new LinkedHashMap<>();
    all.put("everything", everything());
    all.put("tanh", vector((sd, x, t) -> sd.math().tanh(linear(sd, x))));
    all.put("relu", vector((sd, x, t) -> sd.nn().relu(linear(sd, x), 0)));
    all.put("softplus", vector((sd, x, t) -> sd.nn().softplus(linear(sd, x))));
    all.put("sigmoid", vector((sd, x, t) -> sd.nn().sigmoid(linear(sd, x))));
    all.put("gelu of elu", vector((sd, x, t) -> sd.nn().gelu(sd.nn().elu(linear(sd, x)))));
    all.put(
        "exp and pow", vector((sd, x, t) -> sd.math().exp(linear(sd, x)).add(sd.math().pow(x, 2))));
    all.put("softmax", vector((sd, x, t) -> sd.nn().softmax(linear(sd, x), 1)));
    all.put("softmax over the batch", vector((sd, x, t) -> sd.nn().softmax(linear(sd, x), 0)));
    all.put(
        "layer norm",
        vector(
            (sd, x, t) ->
                sd.nn()
                    .layerNorm(
                        linear(sd, x), weight(sd, "gain", 6), weight(sd, "bias", 6), true, 1)));
    all.put(
        "mean, deviation, sum, largest and norm of features",
        vector(
            (sd, x, t) -> {
              SDVariable y = linear(sd, x);
              y = y.sub(y.mean(true, 1)).div(y.std("deviation", false, true, 1).add(1));
              return y.add(x.sum(true, 1)).sub(y.max(true, 1)).mul(x.norm2(true, 1));
            }));
    all.put(
        "products of samples",
        vector((sd, x, t) -> x.mmul(sd.transpose(x)).mmul(linear(sd, x)).mul(0.1)));
    all.put(
        "transposed weight",
        vector((sd, x, t) -> sd.mmul(x, weight(sd, "w", 6, 6), false, true, false)));
    all.put(
        "weight read twice",
        vector(
            (sd, x, t) -> {
              SDVariable w = weight(sd, "w", 6, 6);
              return x.mmul(w).mmul(w);
            }));
    all.put(
        "product of weights",
        vector((sd, x, t) -> x.mmul(weight(sd, "a", 6, 3).mmul(weight(sd, "b", 3, 6)))));
    all.put(
        "weights times weights",
        vector(
            (sd, x, t) -> {
              SDVariable w = weight(sd, "w", 6);
              return x.add(w.mul(w)).add(w);
            }));
    all.put(
        "one value read many times",
        vector(
            (sd, x, t) -> {
              SDVariable y = linear(sd, x).add(weight(sd, "bias", 6));
              SDVariable z = sd.nn().swish(y);
              return z.mul(y).add(sd.nn().swish(z)).add(y.add(y)).sub(y.mul(y));
            }));
    all.put(
        "bias read twice",
        vector(
            (sd, x, t) -> {
              SDVariable bias = weight(sd, "bias", 6);
              return linear(sd, x).add(bias).mul(2).add(bias);
            }));
    all.put(
        "sums that are no bias",
        vector((sd, x, t) -> linear(sd, x).add(t).add(weight(sd, "bias", 1, 6))));
    all.put(
        "numbers from the left",
        vector((sd, x, t) -> linear(sd, x).rsub(1).mul(x).add(sd.math().square(x).add(1).rdiv(2))));
    all.put(
        "split and concatenation",
        vector(
            (sd, x, t) -> {
              SDVariable[] halves = sd.split(linear(sd, x), 2, 1);
              return sd.concat(1, halves[1].mul(2), halves[0]).sub(1).div(3);
            }));
    all.put(
        "permuted features",
        vector(
            (sd, x, t) -> {
              SDVariable y = sd.reshape(linear(sd, x), -1, 2, 3);
              return sd.reshape(sd.permute(y, 0, 2, 1), -1, 6);
            }));
    all.put(
        "batch as a row",
        vector(
            (sd, x, t) -> {
              SDVariable row = sd.reshape(linear(sd, x), 1, -1);
              return sd.reshape(sd.nn().softmax(row, 1), -1, 6);
            }));
    return all;
  }

  /** Of two channels of 6 x 4. */
  static Map<String, Supplier<SameDiff>> images() {
    Map<String, Supplier<SameDiff>> all = new LinkedHashMap<>();
    all.put(
        "convolution with channels last",
        image(
            (sd, x, t) -> {
              SDVariable last = sd.permute(x, 0, 2, 3, 1);
              return sd.permute(convolution(sd, last, "NHWC", 1), 0, 3, 1, 2);
            }));
    all.put(
        "strided convolution",
        image((sd, x, t) -> sd.cnn().upsampling2d(convolution(sd, x, "NCHW", 2), 2, 2, true)));
    all.put(
        "maximum pooling",
        image(
            (sd, x, t) ->
                sd.cnn()
                    .upsampling2d(sd.cnn().maxPooling2d(filtered(sd, x), pool(2)), 2, 2, true)));
    all.put(
        "pooling and upsampling by three",
        image(
            (sd, x, t) ->
                sd.cnn()
                    .avgPooling2d(sd.cnn().upsampling2d(filtered(sd, x), 3, 3, true), pool(3))));
    all.put(
        "mean of pixels",
        image((sd, x, t) -> filtered(sd, x).sub(x.mean(true, 2, 3)).add(sd.math().tanh(x))));
    all.put(
        "dense layer over all pixels",
        image(
            (sd, x, t) -> {
              SDVariable y = sd.reshape(x, -1, 48).mmul(weight(sd, "w", 48, 48));
              return filtered(sd, sd.reshape(y, -1, 2, 6, 4).add(x));
            }));
    all.put(
        "pixels as channels",
        image(
            (sd, x, t) -> {
              SDVariable y = sd.nn().swish(sd.reshape(x, -1, 4, 3, 4));
              return sd.reshape(y.mul(weight(sd, "w", 1, 4, 1, 1)), -1, 2, 6, 4);
            }));
    all.put(
        "both layouts in one sum",
        image(
            (sd, x, t) -> {
              SDVariable y = sd.permute(x.mul(2), 0, 2, 3, 1).mul(weight(sd, "w", 2));
              return sd.nn().swish(x).add(sd.permute(y, 0, 3, 1, 2));
            }));
    all.put(
        "one channel twice",
        image(
            (sd, x, t) -> {
              SDVariable y = x.mean(true, 1).mul(weight(sd, "w", 1));
              return sd.concat(1, sd.nn().swish(y), y);
            }));
    return all;
  }

  /** Two results by what the timesteps are: what is in a branch or a loop cannot be planned. */
  static Map<String, Supplier<SameDiff>> withControlFlow() {
    Map<String, Supplier<SameDiff>> all = new LinkedHashMap<>();
    all.put(
        "branch",
        vector(
            (sd, x, t) -> {
              SDVariable y = linear(sd, x);
              return sd.ifCond("chosen", "if", s -> t.mean().gt(0.5), s -> y.mul(2), s -> y.neg());
            }));
    all.put(
        "loop",
        vector(
            (sd, x, t) -> {
              SDVariable[] start = {sd.constant(0f), linear(sd, x)};
              return sd.whileLoop(
                      start,
                      (s, v) -> v[0].lt(3),
                      (s, v) -> new SDVariable[] {v[0].add(1), v[1].mul(2)})[1];
            }));
    return all;
  }

  /** Each value kept with probability one half. */
  static Supplier<SameDiff> dropout() {
    return vector((sd, x, t) -> sd.nn().dropout(x, 0.5));
  }

  private static SDVariable filtered(SameDiff sd, SDVariable x) {
    return x.mul(weight(sd, "filter", 1, 2, 1, 1));
  }

  private static SDVariable convolution(SameDiff sd, SDVariable x, String format, int stride) {
    Conv2DConfig config =
        Conv2DConfig.builder()
            .kH(3)
            .kW(3)
            .sH(stride)
            .sW(stride)
            .paddingMode(PaddingMode.SAME)
            .dataFormat(format)
            .weightsFormat(WeightsFormat.YXIO)
            .build();
    return sd.cnn().conv2d(x, weight(sd, "kernel", 3, 3, 2, 2), weight(sd, "bias", 2), config);
  }

  private static Pooling2DConfig pool(int size) {
    return Pooling2DConfig.builder()
        .kH(size)
        .kW(size)
        .sH(size)
        .sW(size)
        .paddingMode(PaddingMode.VALID)
        .isNHWC(false)
        .build();
  }
}
