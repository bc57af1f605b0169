package org.diffusion4j.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.reference.ReferenceCases;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDIndex;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.enums.WeightsFormat;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Conv2DConfig;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.PaddingMode;
import org.nd4j.linalg.api.ops.impl.layers.convolution.config.Pooling2DConfig;
import org.nd4j.linalg.factory.Nd4j;

/** Operations of graphs of one's own: ONNX Runtime computes what SameDiff computes. */
class OperationsTest {

  private static final double TOLERANCE = 1e-5;

  /** Rows of four values. */
  private static final long[] ROW = {4};

  private static final long[] IMAGE = {4, 6, 8};

  @TempDir Path temporary;

  private interface Build extends BiFunction<SameDiff, SDVariable, SDVariable> {}

  @TestFactory
  Stream<DynamicTest> operationsOnRows_agree() {
    Map<String, Build> all = new LinkedHashMap<>();
    functions(all);
    activations(all);
    scalarsAndPairs(all);
    shapes(all);
    matrices(all);
    return all.entrySet().stream().map(entry -> test(entry.getKey(), ROW, entry.getValue()));
  }

  @TestFactory
  Stream<DynamicTest> operationsOnImages_agree() {
    Map<String, Build> all = new LinkedHashMap<>();
    images(all);
    return all.entrySet().stream().map(entry -> test(entry.getKey(), IMAGE, entry.getValue()));
  }

  private static void functions(Map<String, Build> all) {
    all.put("abs", (sd, x) -> sd.math().abs(x));
    all.put("neg", (sd, x) -> sd.math().neg(x));
    all.put("exp", (sd, x) -> sd.math().exp(x));
    all.put("log", (sd, x) -> sd.math().log(positive(sd, x)));
    all.put("log1p", (sd, x) -> sd.math().log1p(positive(sd, x)));
    all.put("expm1", (sd, x) -> sd.math().expm1(x));
    all.put("sqrt", (sd, x) -> sd.math().sqrt(positive(sd, x)));
    all.put("rsqrt", (sd, x) -> sd.math().rsqrt(positive(sd, x)));
    all.put("square", (sd, x) -> sd.math().square(x));
    all.put("cube", (sd, x) -> sd.math().cube(x));
    all.put("reciprocal", (sd, x) -> sd.math().reciprocal(positive(sd, x)));
    all.put("sin", (sd, x) -> sd.math().sin(x));
    all.put("cos", (sd, x) -> sd.math().cos(x));
    all.put("tan", (sd, x) -> sd.math().tan(x.mul(0.3)));
    all.put("asin", (sd, x) -> sd.math().asin(sd.math().tanh(x)));
    all.put("acos", (sd, x) -> sd.math().acos(sd.math().tanh(x)));
    all.put("atan", (sd, x) -> sd.math().atan(x));
    all.put("sinh", (sd, x) -> sd.math().sinh(x));
    all.put("cosh", (sd, x) -> sd.math().cosh(x));
    all.put("asinh", (sd, x) -> sd.math().asinh(x));
    all.put("acosh", (sd, x) -> sd.math().acosh(positive(sd, x).add(1)));
    all.put("atanh", (sd, x) -> sd.math().atanh(sd.math().tanh(x.mul(0.5))));
    all.put("floor", (sd, x) -> sd.math().floor(x));
    all.put("ceil", (sd, x) -> sd.math().ceil(x));
    all.put("sign", (sd, x) -> sd.math().sign(x));
    all.put("erf", (sd, x) -> sd.math().erf(x));
    all.put("erfc", (sd, x) -> sd.math().erfc(x));
  }

  private static SDVariable positive(SameDiff sd, SDVariable x) {
    return sd.math().abs(x).add(0.1);
  }

  private static void activations(Map<String, Build> all) {
    all.put("relu", (sd, x) -> sd.nn().relu(x, 0));
    all.put("relu6", (sd, x) -> sd.nn().relu6(x.mul(5), 0));
    all.put("leaky relu", (sd, x) -> sd.nn().leakyRelu(x, 0.2));
    all.put("elu", (sd, x) -> sd.nn().elu(x));
    all.put("selu", (sd, x) -> sd.nn().selu(x));
    all.put("sigmoid", (sd, x) -> sd.nn().sigmoid(x));
    all.put("hard sigmoid", (sd, x) -> sd.nn().hardSigmoid(x.mul(3)));
    all.put("tanh", (sd, x) -> sd.math().tanh(x));
    all.put("hard tanh", (sd, x) -> sd.nn().hardTanh(x));
    all.put("softplus", (sd, x) -> sd.nn().softplus(x));
    all.put("softsign", (sd, x) -> sd.nn().softsign(x));
    all.put("swish", (sd, x) -> sd.nn().swish(x));
    all.put("mish", (sd, x) -> x.mul(sd.math().tanh(sd.nn().softplus(x))));
    all.put("gelu", (sd, x) -> sd.nn().gelu(x));
    all.put("precise gelu", (sd, x) -> sd.nn().preciseGelu(x));
    all.put(
        "gelu written out", (sd, x) -> x.mul(0.5).mul(sd.math().erf(x.mul(Math.sqrt(0.5))).add(1)));
    all.put(
        "gelu with tanh written out",
        (sd, x) -> {
          SDVariable inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
          return x.mul(0.5).mul(sd.math().tanh(inner).add(1));
        });
    all.put("log sigmoid", (sd, x) -> sd.nn().logSigmoid(x));
    all.put("clip", (sd, x) -> sd.math().clipByValue(x, -0.5, 0.7));
  }

  private static void scalarsAndPairs(Map<String, Build> all) {
    all.put("scalars", (sd, x) -> x.add(1).mul(2).sub(0.5).div(3).rsub(1));
    all.put("reverse division", (sd, x) -> positive(sd, x).rdiv(2));
    all.put("power", (sd, x) -> sd.math().pow(x, 2));
    all.put("power of weights", (sd, x) -> sd.math().pow(positive(sd, x), row(sd, 0.5)));
    all.put("weights", (sd, x) -> x.add(row(sd, 1)).mul(row(sd, 2)).sub(row(sd, 3)));
    all.put("quotient", (sd, x) -> x.div(row(sd, 2)).rdiv(x));
    all.put("reverse difference", (sd, x) -> x.rsub(row(sd, 2)));
    all.put("maximum", (sd, x) -> sd.math().max(x, row(sd, 0.1)));
    all.put("minimum", (sd, x) -> sd.math().min(x, row(sd, 0.1)));
    all.put("squared difference", (sd, x) -> sd.math().squaredDifference(x, row(sd, 0.1)));
    all.put("greater", (sd, x) -> sd.castTo(x.gt(row(sd, 0.1)), DataType.FLOAT));
    all.put("less or equal", (sd, x) -> sd.castTo(x.lte(row(sd, 0.1)), DataType.FLOAT));
    all.put("unequal", (sd, x) -> sd.castTo(x.neq(row(sd, 0.1)), DataType.FLOAT));
    all.put("greater than a number", (sd, x) -> sd.castTo(x.gt(0), DataType.FLOAT));
  }

  private static void shapes(Map<String, Build> all) {
    all.put("reshape", (sd, x) -> sd.reshape(sd.reshape(x, -1, 2, 2).mul(2), -1, 4));
    all.put(
        "permute",
        (sd, x) -> sd.reshape(sd.permute(sd.reshape(x, -1, 2, 2), 0, 2, 1).add(1), -1, 4));
    all.put("transpose", (sd, x) -> sd.transpose(sd.transpose(x).mul(3)));
    all.put("dimensions of size 1", (sd, x) -> sd.squeeze(sd.expandDims(x, 1).add(1), 1));
    all.put("concat and split", (sd, x) -> sd.split(sd.concat(1, x, x.mul(2)), 2, 1)[1]);
    all.put(
        "split by sizes",
        (sd, x) -> {
          SDVariable sizes = sd.constant(Nd4j.createFromArray(1, 3));
          SDVariable[] parts = sd.splitV(x, sizes, 2, 1);
          return sd.concat(1, parts[1], parts[0]);
        });
    all.put("stack and unstack", (sd, x) -> sd.unstack(sd.stack(1, x, x.mul(2)), 1, 2)[1].add(1));
    all.put("slice", (sd, x) -> pad(sd, sd.slice(x, new int[] {0, 1}, -1, 2)));
    all.put("interval", (sd, x) -> pad(sd, x.get(SDIndex.all(), SDIndex.interval(1, 3))));
    all.put(
        "point",
        (sd, x) -> sd.expandDims(x.get(SDIndex.all(), SDIndex.point(2)), 1).mul(row(sd, 1)));
    all.put("gather listed", (sd, x) -> sd.gather(x, new int[] {3, 0, 2, 1}, 1));
    all.put(
        "gather",
        (sd, x) -> sd.gather(x, sd.constant(Nd4j.createFromArray(new int[] {1, 1, 0, 3})), 1));
    all.put("tile", (sd, x) -> sd.split(sd.tile(x, 1, 2), 2, 1)[1]);
    all.put("zeros", (sd, x) -> sd.zerosLike(x).add(sd.onesLike(x)).add(x));
    all.put("cast", (sd, x) -> sd.castTo(sd.castTo(x.mul(3), DataType.INT32), DataType.FLOAT));
    all.put(
        "one-hot",
        (sd, x) -> {
          SDVariable numbers = sd.castTo(x.mul(3), DataType.INT32);
          SDVariable hot = sd.oneHot(numbers, 3, -1, 2, -1, DataType.FLOAT);
          return hot.sum(false, 2).add(hot.mean(false, 2));
        });
  }

  /** Two columns and two more. */
  private static SDVariable pad(SameDiff sd, SDVariable x) {
    SDVariable sizes = sd.constant(Nd4j.createFromArray(new int[][] {{0, 0}, {1, 1}}));
    return sd.nn().pad(x, sizes, 0.5);
  }

  private static void matrices(Map<String, Build> all) {
    all.put("product", (sd, x) -> x.mmul(weight(sd, 4, 4)));
    all.put(
        "product with a transposed weight",
        (sd, x) -> sd.mmul(x, weight(sd, 4, 4), false, true, false));
    all.put(
        "products of values",
        (sd, x) -> {
          SDVariable a = sd.reshape(x, -1, 2, 2);
          return sd.reshape(sd.mmul(a, a.mul(2), true, true, false), -1, 4);
        });
    all.put("dense", (sd, x) -> sd.nn().linear(x, weight(sd, 4, 4), weight(sd, 4)));
    all.put("bias", (sd, x) -> sd.nn().biasAdd(x, weight(sd, 4), false));
    all.put("softmax", (sd, x) -> sd.nn().softmax(x, 1));
    all.put("log softmax", (sd, x) -> sd.nn().logSoftmax(x, 1));
    all.put("layer norm", (sd, x) -> sd.nn().layerNorm(x, weight(sd, 4), weight(sd, 4), false, 1));
    all.put("layer norm without bias", (sd, x) -> sd.nn().layerNorm(x, weight(sd, 4), false, 1));
    all.put("layer norm written out", (sd, x) -> norm(sd, x, 1, weight(sd, 4), weight(sd, 4)));
    all.put("mean", (sd, x) -> x.sub(x.mean(true, 1)));
    all.put("sum", (sd, x) -> x.mul(x.sum(true, -1)));
    all.put("maximum of a row", (sd, x) -> x.mul(x.max(true, 1)));
    all.put("minimum of a row", (sd, x) -> x.mul(x.min(true, 1)));
    all.put("product of a row", (sd, x) -> x.mul(x.prod(true, 1)));
    all.put("norms", (sd, x) -> x.mul(x.norm1(true, 1)).add(x.norm2(true, 1)));
    all.put("mean without its dimension", (sd, x) -> sd.expandDims(x.mean(false, 1), 1).add(x));
  }

  private static SDVariable norm(
      SameDiff sd, SDVariable x, int dimension, SDVariable gamma, SDVariable beta) {
    SDVariable centred = x.sub(x.mean(true, dimension));
    SDVariable variance = centred.mul(centred).mean(true, dimension);
    return centred.mul(sd.math().rsqrt(variance.add(1e-5))).mul(gamma).add(beta);
  }

  private static void images(Map<String, Build> all) {
    all.put("convolution", (sd, x) -> convolution(sd, x, PaddingMode.VALID, 1, WeightsFormat.YXIO));
    all.put("OIYX", (sd, x) -> convolution(sd, x, PaddingMode.SAME, 1, WeightsFormat.OIYX));
    all.put("OYXI", (sd, x) -> convolution(sd, x, PaddingMode.SAME, 1, WeightsFormat.OYXI));
    all.put(
        "strides",
        (sd, x) ->
            sd.cnn()
                .upsampling2d(
                    convolution(sd, x, PaddingMode.SAME, 2, WeightsFormat.YXIO), 2, 2, true));
    all.put(
        "kernel that is computed",
        (sd, x) -> {
          SDVariable kernel = sd.reshape(weight(sd, 4, 4), 1, 1, 4, 4);
          return sd.cnn().conv2d(x, kernel, weight(sd, 4), config(1, 1, 0, PaddingMode.VALID));
        });
    all.put(
        "without bias",
        (sd, x) -> sd.cnn().conv2d(x, weight(sd, 3, 3, 4, 4), config(3, 1, 1, PaddingMode.VALID)));
    all.put(
        "channels last",
        (sd, x) -> {
          Conv2DConfig config = config(3, 1, 0, PaddingMode.SAME);
          config.setDataFormat("NHWC");
          SDVariable last = sd.permute(x, 0, 2, 3, 1);
          SDVariable y = sd.cnn().conv2d(last, weight(sd, 3, 3, 4, 4), weight(sd, 4), config);
          return sd.permute(y, 0, 3, 1, 2);
        });
    all.put("average", (sd, x) -> twice(sd, sd.cnn().avgPooling2d(x, pooling(2, 2, 0))));
    all.put("padded average", (sd, x) -> sd.cnn().avgPooling2d(x, pooling(3, 1, 1)));
    all.put("maximum", (sd, x) -> twice(sd, sd.cnn().maxPooling2d(x, pooling(2, 2, 0))));
    all.put(
        "norm of the channels",
        (sd, x) -> norm(sd, x, 1, weight(sd, 1, 4, 1, 1), weight(sd, 1, 4, 1, 1)));
    all.put("bias of the channels", (sd, x) -> sd.nn().biasAdd(x, weight(sd, 4), true));
  }

  private static SDVariable twice(SameDiff sd, SDVariable x) {
    return sd.cnn().upsampling2d(x, 2, 2, true);
  }

  private static SDVariable convolution(
      SameDiff sd, SDVariable x, PaddingMode mode, int stride, WeightsFormat format) {
    long[] shape =
        switch (format) {
          case YXIO -> new long[] {3, 3, 4, 4};
          case OIYX -> new long[] {4, 4, 3, 3};
          case OYXI -> new long[] {4, 3, 3, 4};
        };
    Conv2DConfig config = config(3, stride, mode == PaddingMode.VALID ? 1 : 0, mode);
    config.setWeightsFormat(format);
    return sd.cnn().conv2d(x, weight(sd, shape), weight(sd, 4), config);
  }

  private static Conv2DConfig config(int kernel, int stride, int padding, PaddingMode mode) {
    return Conv2DConfig.builder()
        .kH(kernel)
        .kW(kernel)
        .sH(stride)
        .sW(stride)
        .pH(padding)
        .pW(padding)
        .paddingMode(mode)
        .dataFormat("NCHW")
        .weightsFormat(WeightsFormat.YXIO)
        .build();
  }

  private static Pooling2DConfig pooling(int kernel, int stride, int padding) {
    return Pooling2DConfig.builder()
        .kH(kernel)
        .kW(kernel)
        .sH(stride)
        .sW(stride)
        .pH(padding)
        .pW(padding)
        .paddingMode(PaddingMode.VALID)
        .isNHWC(false)
        .build();
  }

  private static SDVariable row(SameDiff sd, double first) {
    return sd.constant(Nd4j.createFromArray((float) first, 0.5f, 0.9f, 1.5f));
  }

  private static SDVariable weight(SameDiff sd, long... shape) {
    return sd.var(gaussian(new Random(shape.length), shape));
  }

  private static INDArray gaussian(Random random, long... shape) {
    INDArray values = Nd4j.create(DataType.FLOAT, shape);
    for (int i = 0; i < values.length(); i++) {
      values.putScalar(i, random.nextGaussian());
    }
    return values;
  }

  private DynamicTest test(String name, long[] sample, Build build) {
    return DynamicTest.dynamicTest(name, () -> check(sample, build));
  }

  private void check(long[] sample, Build build) throws IOException {
    Path file = temporary.resolve("model.onnx");
    try (SameDiffDenoiser model = model(sample, build)) {
      OnnxExport.of(model).write(file);
      try (OnnxDenoiser exported = OneThread.load(file)) {
        for (int n : new int[] {3, 1}) {
          long[] shape = GraphExporter.batch(sample);
          shape[0] = n;
          INDArray x = gaussian(new Random(n), shape);
          INDArray t = Nd4j.zeros(DataType.FLOAT, n);
          INDArray expected = model.predict(x, t, Condition.none());
          INDArray actual = exported.predict(x, t, Condition.none());
          assertThat(ReferenceCases.distance(actual, expected)).isLessThanOrEqualTo(TOLERANCE);
          assertThat(expected.amaxNumber().doubleValue()).isFinite();
        }
      }
    }
  }

  private static SameDiffDenoiser model(long[] sample, Build build) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, GraphExporter.batch(sample));
    sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    sd.identity("output", build.apply(sd, x));
    return new SameDiffDenoiser(sd, sample, NoiseSchedule.cosine(10), Prediction.EPSILON);
  }

  @Test
  void unknownOperation_isNamed() {
    try (SameDiffDenoiser model = model(ROW, (sd, x) -> sd.reverse(x, 1))) {
      Path file = temporary.resolve("none.onnx");
      assertThatThrownBy(() -> OnnxExport.of(model).write(file))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("computed by reverse");
      assertThat(file).doesNotExist();
    }
  }

  @Test
  void unknownSetting_isNamed() {
    try (SameDiffDenoiser model = model(ROW, (sd, x) -> sd.nn().relu(x, 0.5))) {
      assertThatThrownBy(() -> OnnxExport.of(model).write(temporary.resolve("none.onnx")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("operation relu of")
          .hasMessageContaining("threshold must be 0 but was 0.5");
    }
  }
}
