package org.diffusion4j.onnx;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.samediff.ActivationMatch;
import org.diffusion4j.engine.samediff.GraphWalk;
import org.diffusion4j.engine.samediff.GroupNormMatch;
import org.diffusion4j.engine.samediff.LayerNormMatch;
import org.diffusion4j.engine.samediff.Op;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.linalg.api.buffer.DataType;

/** Converts the graph of a denoiser to ONNX, operation by operation. */
final class GraphExporter implements GraphWalk.Visitor {

  private static final Map<String, Conversion> CONVERSIONS = conversions();

  private final OnnxGraph to;
  private final Set<String> masks = new HashSet<>();

  private GraphExporter(OnnxGraph to) {
    this.to = to;
  }

  private static Map<String, Conversion> conversions() {
    Map<String, Conversion> table = new HashMap<>();
    ElementwiseConversions.addTo(table);
    ShapeConversions.addTo(table);
    MatrixConversions.addTo(table);
    ImageConversions.addTo(table);
    return Map.copyOf(table);
  }

  /**
   * @throws IllegalArgumentException naming the operation if one cannot be exported
   */
  static OnnxGraph export(SameDiffDenoiser model) {
    OnnxGraph to = new OnnxGraph(model.graph());
    GraphExporter exporter = new GraphExporter(to);
    Inputs inputs = new Inputs(model, to, exporter.masks);
    for (SDVariable variable : model.graph().variables()) {
      if (variable.isPlaceHolder()) {
        inputs.add(variable);
      }
    }
    try {
      GraphWalk.visit(model.graph(), Graphs.OUTPUT, exporter);
    } catch (UnplannableException e) {
      throw new IllegalArgumentException("the graph cannot be exported: " + e.getMessage(), e);
    }
    to.output(Graphs.OUTPUT, batch(model.outputShape()));
    return to;
  }

  static long[] batch(long... sample) {
    long[] shape = new long[sample.length + 1];
    shape[0] = -1;
    System.arraycopy(sample, 0, shape, 1, sample.length);
    return shape;
  }

  @Override
  public void operation(Op op) {
    if (op.is("multiply") && masks.contains(op.in().get(1))) {
      String x = op.in().get(0); // Nothing is dropped outside of training.
      to.alias(op.result(), to.value(x), to.rank(x));
      return;
    }
    Conversion conversion = CONVERSIONS.get(op.kind());
    if (conversion == null) {
      throw new IllegalArgumentException(
          "operations must be among those that ONNX files can hold but "
              + Shown.text(op.result())
              + " is computed by "
              + Shown.text(op.kind()));
    }
    convert(op, () -> conversion.convert(op, to));
  }

  @Override
  public void groupNorm(GroupNormMatch m) {
    convert(m.group().last(), () -> ImageConversions.groupNorm(m, to));
  }

  @Override
  public void layerNorm(LayerNormMatch m) {
    convert(m.group().last(), () -> MatrixConversions.layerNorm(m, to));
  }

  @Override
  public void activation(ActivationMatch m) {
    ElementwiseConversions.activation(m, to);
  }

  private static void convert(Op op, Runnable conversion) {
    try {
      conversion.run();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "operation "
              + Shown.text(op.kind())
              + " of "
              + Shown.text(op.result())
              + " cannot be exported: "
              + e.getMessage(),
          e);
    }
  }

  /** What the file has in place of the graph's placeholders. */
  private record Inputs(SameDiffDenoiser model, OnnxGraph to, Set<String> masks) {

    void add(SDVariable placeholder) {
      String name = placeholder.name();
      Set<String> further = model.takes().inputs();
      boolean free = further != null && further.contains(name);
      if (name.equals(Graphs.SAMPLE)) {
        input(name, batch(model.sampleShape()));
      } else if (name.equals(Graphs.TIMESTEP)) {
        to.input(name, DataType.FLOAT, -1);
        to.alias(name, column(name), 2);
      } else if (name.equals(Graphs.CLASS) && !free) {
        to.input(name, DataType.INT64, -1);
        to.alias(name, labels(placeholder.placeholderShape()[1]), 2);
      } else if (name.endsWith(Graphs.NOISE)) {
        to.alias(
            name, zeros(placeholder.placeholderShape()), placeholder.placeholderShape().length);
      } else if (name.endsWith(Graphs.DROPOUT) && !free) {
        masks.add(name);
      } else if (name.equals(Graphs.EMBEDDINGS) && model instanceof Mlp) {
        to.alias(name, meanOfTokens(placeholder.placeholderShape()[2]), 3);
      } else {
        input(name, placeholder.placeholderShape());
      }
    }

    private void input(String name, long[] shape) {
      to.input(name, DataType.FLOAT, shape);
      to.alias(name, name, shape.length);
    }

    private String column(String name) {
      return to.add("Reshape", List.of(name, to.longs(-1, 1)));
    }

    /** Labels as numbers, which become one-hot rows unless they are embedded as timesteps. */
    private String labels(long width) {
      boolean timesteps = model.takes().classes() == Condition.Takes.ANY;
      String rows =
          timesteps
              ? column(Graphs.CLASS)
              : ShapeConversions.hot(to, Graphs.CLASS, DataType.INT64, width, 1, 2);
      return to.add("Cast", List.of(rows), Attributes.of("to", Initializer.code(DataType.FLOAT)));
    }

    /** An MLP takes the mean of the tokens that the mask keeps, or zeros if it keeps none. */
    private String meanOfTokens(long width) {
      input(Graphs.EMBEDDINGS, new long[] {-1, -1, width});
      input(Graphs.MASK, new long[] {-1, -1});
      String tokens = to.longs(1);
      String mask = to.add("Unsqueeze", List.of(Graphs.MASK, to.longs(2)));
      String kept = to.add("Mul", List.of(Graphs.EMBEDDINGS, mask));
      String sum = to.add("ReduceSum", List.of(kept, tokens));
      String count = to.add("ReduceSum", List.of(mask, tokens));
      String none = to.add("Equal", List.of(count, to.scalar(0, DataType.FLOAT)));
      String divisor = to.add("Where", List.of(none, to.scalar(1, DataType.FLOAT), count));
      return to.add("Div", List.of(sum, divisor));
    }

    /** Noise of the graph's own, which is drawn only in training. */
    private String zeros(long[] shape) {
      String batch =
          to.add(
              "Shape", List.of(Graphs.SAMPLE), Attributes.of("start", 0), Attributes.of("end", 1));
      long[] sample = Arrays.copyOfRange(shape, 1, shape.length);
      String sizes = to.add("Concat", List.of(batch, to.longs(sample)), Attributes.of("axis", 0));
      return to.add("Expand", List.of(to.scalar(0, DataType.FLOAT), sizes));
    }
  }
}
