package org.diffusion4j.onnx;

import java.util.List;
import java.util.Map;
import onnx.Onnx.AttributeProto;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.samediff.ActivationMatch;
import org.diffusion4j.engine.samediff.Op;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.CustomOp;

/** Operations on each value, or on pairs of values. */
final class ElementwiseConversions {

  private ElementwiseConversions() {}

  static void addTo(Map<String, Conversion> table) {
    addFunctions(table);
    addActivations(table);
    addPairs(table);
    addScalars(table);
  }

  private static void addFunctions(Map<String, Conversion> table) {
    Map.ofEntries(
            Map.entry("abs", "Abs"),
            Map.entry("neg", "Neg"),
            Map.entry("exp", "Exp"),
            Map.entry("log", "Log"),
            Map.entry("sqrt", "Sqrt"),
            Map.entry("Reciprocal", "Reciprocal"),
            Map.entry("sin", "Sin"),
            Map.entry("cos", "Cos"),
            Map.entry("tan", "Tan"),
            Map.entry("asin", "Asin"),
            Map.entry("acos", "Acos"),
            Map.entry("atan", "Atan"),
            Map.entry("sinh", "Sinh"),
            Map.entry("cosh", "Cosh"),
            Map.entry("tanh", "Tanh"),
            Map.entry("asinh", "Asinh"),
            Map.entry("acosh", "Acosh"),
            Map.entry("atanh", "Atanh"),
            Map.entry("floor", "Floor"),
            Map.entry("ceil", "Ceil"),
            Map.entry("sign", "Sign"),
            Map.entry("erf", "Erf"),
            Map.entry("sigmoid", "Sigmoid"),
            Map.entry("softplus", "Softplus"),
            Map.entry("softsign", "Softsign"))
        .forEach((kind, type) -> table.put(kind, (op, to) -> unary(op, to, type)));
    table.put("square", (op, to) -> product(op, to, x(op, to)));
    table.put("cube", (op, to) -> product(op, to, to.add("Mul", List.of(x(op, to), x(op, to)))));
    table.put(
        "rsqrt",
        (op, to) -> define(op, to, "Reciprocal", List.of(to.add("Sqrt", List.of(x(op, to))))));
    table.put(
        "log1p",
        (op, to) ->
            define(op, to, "Log", List.of(to.add("Add", List.of(x(op, to), number(op, to, 1))))));
    table.put(
        "expm1",
        (op, to) ->
            define(op, to, "Sub", List.of(to.add("Exp", List.of(x(op, to))), number(op, to, 1))));
    table.put(
        "erfc",
        (op, to) ->
            define(op, to, "Sub", List.of(number(op, to, 1), to.add("Erf", List.of(x(op, to))))));
  }

  private static void addActivations(Map<String, Conversion> table) {
    table.put("relu", ElementwiseConversions::relu);
    table.put("relu6", (op, to) -> clip(op, to, 0, 6));
    table.put("hardtanh", (op, to) -> clip(op, to, -1, 1));
    table.put("ClipByValue", (op, to) -> clip(op, to, real(op, 0), real(op, 1)));
    table.put("elu", (op, to) -> unary(op, to, "Elu", Attributes.of("alpha", real(op, 0))));
    table.put(
        "selu",
        (op, to) ->
            unary(
                op,
                to,
                "Selu",
                Attributes.of("alpha", 1.6732632423543772),
                Attributes.of("gamma", 1.0507009873554805)));
    table.put(
        "leakyrelu", (op, to) -> unary(op, to, "LeakyRelu", Attributes.of("alpha", op.scalar())));
    table.put(
        "hard_sigmoid",
        (op, to) ->
            unary(op, to, "HardSigmoid", Attributes.of("alpha", 0.2), Attributes.of("beta", 0.5)));
    table.put("swish", (op, to) -> product(op, to, to.add("Sigmoid", List.of(x(op, to)))));
    table.put(
        "mish",
        (op, to) ->
            product(op, to, to.add("Tanh", List.of(to.add("Softplus", List.of(x(op, to)))))));
    table.put("precise_gelu", ElementwiseConversions::preciseGelu);
    // ND4J's own GELU is the approximation x sigmoid(1.702 x).
    table.put(
        "gelu",
        (op, to) ->
            product(
                op,
                to,
                to.add(
                    "Sigmoid", List.of(to.add("Mul", List.of(x(op, to), number(op, to, 1.702)))))));
    table.put(
        "logsigmoid",
        (op, to) ->
            define(
                op,
                to,
                "Neg",
                List.of(to.add("Softplus", List.of(to.add("Neg", List.of(x(op, to))))))));
  }

  private static void addPairs(Map<String, Conversion> table) {
    Map.ofEntries(
            Map.entry("add", "Add"),
            Map.entry("subtract", "Sub"),
            Map.entry("multiply", "Mul"),
            Map.entry("divide", "Div"),
            Map.entry("maximum", "Max"),
            Map.entry("minimum", "Min"),
            Map.entry("Pow", "Pow"),
            Map.entry("greater", "Greater"),
            Map.entry("less", "Less"),
            Map.entry("greater_equal", "GreaterOrEqual"),
            Map.entry("less_equal", "LessOrEqual"),
            Map.entry("equals", "Equal"))
        .forEach((kind, type) -> table.put(kind, (op, to) -> pair(op, to, type, 0, 1)));
    table.put("reversesubtract", (op, to) -> pair(op, to, "Sub", 1, 0));
    table.put("reversedivide", (op, to) -> pair(op, to, "Div", 1, 0));
    table.put(
        "not_equals",
        (op, to) ->
            to.define(
                op.result(),
                highest(op, to),
                "Not",
                List.of(to.add("Equal", List.of(in(op, to, 0), in(op, to, 1))))));
    table.put(
        "squaredsubtract",
        (op, to) -> {
          String difference = to.add("Sub", List.of(in(op, to, 0), in(op, to, 1)));
          to.define(op.result(), highest(op, to), "Mul", List.of(difference, difference));
        });
  }

  private static void addScalars(Map<String, Conversion> table) {
    Map.of(
            "add_scalar", "Add",
            "sub_scalar", "Sub",
            "mul_scalar", "Mul",
            "div_scalar", "Div",
            "pow", "Pow",
            "max_scalar", "Max",
            "min_scalar", "Min",
            "greaterthan_scalar", "Greater",
            "lessthan_scalar", "Less")
        .forEach(
            (kind, type) ->
                table.put(
                    kind,
                    (op, to) ->
                        define(op, to, type, List.of(x(op, to), number(op, to, op.scalar())))));
    Map.of("rsub_scalar", "Sub", "rdiv_scalar", "Div")
        .forEach(
            (kind, type) ->
                table.put(
                    kind,
                    (op, to) ->
                        define(op, to, type, List.of(number(op, to, op.scalar()), x(op, to)))));
  }

  /** A Mish, or a GELU written as runtimes recognise it. */
  static void activation(ActivationMatch m, OnnxGraph to) {
    String result = m.group().result();
    String input = m.x();
    String x = to.value(input);
    if (m.kind() == Activation.Kind.MISH) {
      String factor = to.add("Tanh", List.of(to.add("Softplus", List.of(x))));
      to.define(result, to.rank(input), "Mul", List.of(x, factor));
    } else if (m.kind() == Activation.Kind.TANH_GELU) {
      String cube = to.add("Pow", List.of(x, number(to, 3)));
      String third = to.add("Mul", List.of(cube, number(to, 0.044715)));
      tanhGelu(result, input, third, to);
    } else {
      String scaled = to.add("Div", List.of(x, number(to, Math.sqrt(2))));
      half(result, input, to.add("Erf", List.of(scaled)), to);
    }
  }

  /** ND4J cubes the factor of the cube, too. */
  private static void preciseGelu(Op op, OnnxGraph to) {
    String scaled = to.add("Mul", List.of(x(op, to), number(to, 0.044715)));
    String third = to.add("Pow", List.of(scaled, number(to, 3)));
    tanhGelu(op.result(), op.in().get(0), third, to);
  }

  /** {@code x / 2 (1 + tanh(sqrt(2 / pi) (x + third)))}. */
  private static void tanhGelu(String result, String input, String third, OnnxGraph to) {
    String sum = to.add("Add", List.of(to.value(input), third));
    String scaled = to.add("Mul", List.of(sum, number(to, Math.sqrt(2 / Math.PI))));
    half(result, input, to.add("Tanh", List.of(scaled)), to);
  }

  /** {@code x (1 + y) / 2}. */
  private static void half(String result, String input, String y, OnnxGraph to) {
    String one = to.add("Add", List.of(y, number(to, 1)));
    String product = to.add("Mul", List.of(to.value(input), one));
    to.define(result, to.rank(input), "Mul", List.of(product, number(to, 0.5)));
  }

  private static String number(OnnxGraph to, double value) {
    return to.scalar(value, DataType.FLOAT);
  }

  private static void relu(Op op, OnnxGraph to) {
    if (op.scalar() != 0) {
      throw new IllegalArgumentException("its threshold must be 0 but was " + op.scalar());
    }
    unary(op, to, "Relu");
  }

  private static void clip(Op op, OnnxGraph to, double least, double most) {
    define(op, to, "Clip", List.of(x(op, to), number(op, to, least), number(op, to, most)));
  }

  private static void unary(Op op, OnnxGraph to, String type, AttributeProto... attributes) {
    define(op, to, type, List.of(x(op, to)), attributes);
  }

  /** The input multiplied by another value. */
  private static void product(Op op, OnnxGraph to, String factor) {
    define(op, to, "Mul", List.of(x(op, to), factor));
  }

  private static void pair(Op op, OnnxGraph to, String type, int first, int second) {
    to.define(op.result(), highest(op, to), type, List.of(in(op, to, first), in(op, to, second)));
  }

  private static void define(
      Op op, OnnxGraph to, String type, List<String> in, AttributeProto... attributes) {
    to.define(op.result(), to.rank(op.in().get(0)), type, in, attributes);
  }

  private static String x(Op op, OnnxGraph to) {
    return in(op, to, 0);
  }

  private static String in(Op op, OnnxGraph to, int input) {
    return to.value(op.in().get(input));
  }

  private static int highest(Op op, OnnxGraph to) {
    return Math.max(to.rank(op.in().get(0)), to.rank(op.in().get(1)));
  }

  /** A number of the type of the input. */
  private static String number(Op op, OnnxGraph to, double value) {
    return to.scalar(value, type(op, to));
  }

  private static DataType type(Op op, OnnxGraph to) {
    return to.type(op.in().get(0));
  }

  private static double real(Op op, int setting) {
    return ((CustomOp) op.function()).tArgs()[setting];
  }
}
