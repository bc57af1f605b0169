package org.diffusion4j.engine.samediff;

import java.util.List;
import org.diffusion4j.engine.graph.UnplannableException;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** Computes an operation's result shapes with ND4J. */
final class Nd4jShapes {

  private Nd4jShapes() {}

  /** The shapes and types of the results. */
  static List<LongShapeDescriptor> of(DifferentialFunction function, List<INDArray> inputs) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    try {
      for (int i = 0; i < inputs.size(); i++) {
        context.setInputArray(i, inputs.get(i));
      }
      List<LongShapeDescriptor> shapes =
          function instanceof CustomOp custom
              ? ofCustom(custom, context)
              : ((BaseOp) function).calculateOutputShape(context);
      if (shapes == null || shapes.isEmpty()) {
        throw new UnplannableException("the shape of " + function.opName() + " is not known");
      }
      return shapes;
    } finally {
      close(context);
    }
  }

  private static List<LongShapeDescriptor> ofCustom(CustomOp custom, OpContext context) {
    context.setIArguments(custom.iArgs());
    context.setTArguments(custom.tArgs());
    context.setBArguments(custom.bArgs());
    context.setDArguments(custom.dArgs());
    return custom.calculateOutputShape(context);
  }

  private static void close(OpContext context) {
    try {
      context.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  static boolean isSupported(DataType type) {
    return type == DataType.FLOAT || type == DataType.INT32 || type == DataType.INT64;
  }
}
