package org.diffusion4j.plan;

import java.util.List;
import java.util.Set;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** An operation that the plan has no kernel for: ND4J runs it, on values in C order. */
final class Nd4jOp extends Node {

  private static final Set<String> BATCHWISE =
      Set.of("cast", "onehot", "add", "subtract", "multiply", "divide");

  private final DifferentialFunction function;
  private final boolean elementwise;
  private final LocalGradient gradient;

  /** Differentiates the operation: adds the nodes of its gradient to the tape. */
  interface LocalGradient {
    void differentiate(Nd4jOp op, Tape tape);
  }

  /**
   * @param elementwise whether it may treat the values as one row, in whatever order
   */
  Nd4jOp(
      DifferentialFunction function,
      List<Value> inputs,
      List<Value> outputs,
      boolean elementwise,
      LocalGradient gradient) {
    super(function.opName() + " " + outputs.get(0).name, inputs, outputs);
    this.function = function;
    this.elementwise = elementwise;
    this.gradient = gradient;
  }

  DifferentialFunction function() {
    return function;
  }

  /** The shapes and types of the results, found from the shapes of the inputs. */
  static List<LongShapeDescriptor> resultsOf(DifferentialFunction function, List<INDArray> inputs) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    try {
      prepare(context, function, inputs);
      List<LongShapeDescriptor> shapes =
          function instanceof CustomOp custom
              ? custom.calculateOutputShape(context)
              : ((BaseOp) function).calculateOutputShape(context);
      if (shapes == null || shapes.isEmpty()) {
        throw new UnplannableException("the shape of " + function.opName() + " is not known");
      }
      return shapes;
    } finally {
      close(context);
    }
  }

  private static void close(OpContext context) {
    try {
      context.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void prepare(
      OpContext context, DifferentialFunction function, List<INDArray> inputs) {
    for (int i = 0; i < inputs.size(); i++) {
      context.setInputArray(i, inputs.get(i));
    }
    if (function instanceof CustomOp custom) {
      context.setIArguments(custom.iArgs());
      context.setTArguments(custom.tArgs());
      context.setBArguments(custom.bArgs());
      context.setDArguments(custom.dArgs());
    }
  }

  @Override
  boolean batchwise() {
    return elementwise
        || (BATCHWISE.contains(function.opName())
            && inputs().stream().noneMatch(v -> v.isWeight() && v.rank() > 0 && v.size(0) > 1));
  }

  @Override
  void differentiate(Tape tape) {
    gradient.differentiate(this, tape);
  }

  @Override
  Runnable bind(Workspace workspace) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    workspace.own(() -> close(context));
    prepare(context, function, inputs().stream().map(v -> array(workspace, v)).toList());
    for (int i = 0; i < outputs().size(); i++) {
      context.setOutputArray(i, array(workspace, outputs().get(i)));
    }
    if (function instanceof CustomOp custom) {
      return () -> Nd4j.getExecutioner().exec(custom, context);
    }
    return () -> Nd4j.getExecutioner().exec((org.nd4j.linalg.api.ops.Op) function, context);
  }

  private INDArray array(Workspace workspace, Value value) {
    return elementwise
        ? workspace.array(value, value.length())
        : workspace.array(value, value.shape());
  }

  static boolean isSupported(DataType type) {
    return type == DataType.FLOAT || type == DataType.INT32 || type == DataType.INT64;
  }
}
