package org.diffusion4j.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import onnx.Onnx.AttributeProto;
import org.diffusion4j.engine.samediff.GroupNormMatch;
import org.diffusion4j.engine.samediff.Op;
import org.jspecify.annotations.Nullable;

/** Operations on images: convolutions, pooling, upsampling and group norms. */
final class ImageConversions {

  private static final int[] TO_CHANNELS_FIRST = {0, 3, 1, 2};
  private static final int[] TO_CHANNELS_LAST = {0, 2, 3, 1};

  /** The order of a kernel's dimensions in ONNX, for each of ND4J's formats: YXIO, OIYX, OYXI. */
  private static final int[][] KERNELS = {{3, 2, 0, 1}, {0, 1, 2, 3}, {0, 3, 1, 2}};

  private ImageConversions() {}

  static void addTo(Map<String, Conversion> table) {
    table.put("conv2d", ImageConversions::convolution);
    table.put("avgpool2d", (op, to) -> pooling(op, to, "AveragePool"));
    table.put("maxpool2d", (op, to) -> pooling(op, to, "MaxPool"));
    table.put("upsampling2d", ImageConversions::upsampling);
  }

  private static void convolution(Op op, OnnxGraph to) {
    long[] settings = op.integers();
    boolean last = settings.length > 9 && settings[9] != 0;
    int format = settings.length > 10 ? Math.toIntExact(settings[10]) : 0;
    String x = last ? to.ordered(op.in().get(0), TO_CHANNELS_FIRST) : to.value(op.in().get(0));
    String w = to.ordered(op.in().get(1), KERNELS[format]);
    List<String> in = op.in().size() > 2 ? List.of(x, w, to.value(op.in().get(2))) : List.of(x, w);
    List<AttributeProto> attributes = new ArrayList<>(windows(settings));
    attributes.add(Attributes.of("dilations", Arrays.copyOfRange(settings, 6, 8)));
    define(op, to, last, "Conv", in, attributes);
  }

  /** The kernel's size, strides and padding, among the first nine settings of ND4J. */
  private static List<AttributeProto> windows(long[] settings) {
    if (settings.length < 9 || settings[8] > 1) {
      throw new IllegalArgumentException("its padding must be valid or same");
    }
    long[] padding = {settings[4], settings[5], settings[4], settings[5]};
    return List.of(
        Attributes.of("kernel_shape", Arrays.copyOf(settings, 2)),
        Attributes.of("strides", Arrays.copyOfRange(settings, 2, 4)),
        settings[8] == 1
            ? Attributes.of("auto_pad", "SAME_UPPER")
            : Attributes.of("pads", padding));
  }

  private static void pooling(Op op, OnnxGraph to, String type) {
    long[] settings = op.integers();
    boolean last = settings.length > 10 && settings[10] != 0;
    List<AttributeProto> attributes = new ArrayList<>(windows(settings));
    if (settings[6] != 1 || settings[7] != 1) {
      throw new IllegalArgumentException("its dilation must be 1");
    }
    if (type.equals("AveragePool")) {
      attributes.add(Attributes.of("count_include_pad", settings[9]));
    }
    String x = last ? to.ordered(op.in().get(0), TO_CHANNELS_FIRST) : to.value(op.in().get(0));
    define(op, to, last, type, List.of(x), attributes);
  }

  private static void upsampling(Op op, OnnxGraph to) {
    long[] settings = op.integers();
    boolean last = settings.length > 2 && settings[2] == 0;
    String x = last ? to.ordered(op.in().get(0), TO_CHANNELS_FIRST) : to.value(op.in().get(0));
    define(
        op,
        to,
        last,
        "Resize",
        List.of(x, "", to.floats(1, 1, (float) settings[0], (float) settings[1])),
        List.of(
            Attributes.of("mode", "nearest"),
            Attributes.of("coordinate_transformation_mode", "asymmetric"),
            Attributes.of("nearest_mode", "floor")));
  }

  /** Defines the result of an operation that ONNX has with channels first. */
  private static void define(
      Op op,
      OnnxGraph to,
      boolean last,
      String type,
      List<String> in,
      List<AttributeProto> settings) {
    AttributeProto[] attributes = settings.toArray(AttributeProto[]::new);
    if (last) {
      long[] order = Arrays.stream(TO_CHANNELS_LAST).asLongStream().toArray();
      String y = to.add(type, in, attributes);
      to.define(op.result(), 4, "Transpose", List.of(y), Attributes.of("perm", order));
    } else {
      to.define(op.result(), 4, type, in, attributes);
    }
  }

  /**
   * Group normalisation as instance normalisation of the groups, for which runtimes have kernels,
   * and its neighbours.
   */
  static void groupNorm(GroupNormMatch m, OnnxGraph to) {
    List<Long> shape = m.shape();
    int rank = shape.size();
    if (rank < 3) {
      throw new IllegalArgumentException("what is normalised must be images but was " + shape);
    }
    String x = to.value(m.x());
    if (m.bias() != null) {
      x = to.add("Add", List.of(x, perChannel(to, m.bias(), m)));
    }
    float[] ones = new float[m.groups()];
    Arrays.fill(ones, 1);
    String grouped = to.add("Reshape", List.of(x, to.longs(-1, m.groups(), m.groupSize())));
    String normal =
        to.add(
            "InstanceNormalization",
            List.of(grouped, to.floats(ones), to.floats(new float[m.groups()])),
            Attributes.of("epsilon", m.eps()));
    long[] sizes = shape.stream().mapToLong(Long::longValue).toArray();
    String y = to.add("Reshape", List.of(normal, to.longs(sizes)));
    y = to.add("Mul", List.of(y, perChannel(to, m.gamma(), m)));
    y = to.add("Add", List.of(y, perChannel(to, m.beta(), m)));
    y = combined(to, "Mul", y, m.scale(), m);
    y = combined(to, "Add", y, m.shift(), m);
    if (m.silu()) {
      y = to.add("Mul", List.of(y, to.add("Sigmoid", List.of(y))));
    }
    to.alias(m.group().result(), y, rank);
  }

  private static String combined(
      OnnxGraph to, String type, String y, @Nullable String by, GroupNormMatch m) {
    return by == null ? y : to.add(type, List.of(y, perChannel(to, by, m)));
  }

  /** Values for each channel, or for each sample and channel, with the dimensions of an image. */
  private static String perChannel(OnnxGraph to, String name, GroupNormMatch m) {
    long[] shape = new long[m.shape().size()];
    Arrays.fill(shape, 1);
    shape[0] = -1;
    shape[1] = m.shape().get(1);
    return to.add("Reshape", List.of(to.value(name), to.longs(shape)));
  }
}
