package org.diffusion4j.engine.cpu;

import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Value;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.Op;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

/** Runs an operation of ND4J on the workspace's memory. */
final class Nd4jKernel {

  private Nd4jKernel() {}

  static Kernel of(Nd4jOp node, KernelContext context) {
    return (workspace, scratch) -> bind(node, workspace);
  }

  private static Runnable bind(Nd4jOp node, CpuWorkspace workspace) {
    OpContext context = Nd4j.getExecutioner().buildContext();
    workspace.own(() -> close(context));
    for (int i = 0; i < node.inputs().size(); i++) {
      context.setInputArray(i, array(node, workspace, node.inputs().get(i)));
    }
    for (int i = 0; i < node.outputs().size(); i++) {
      context.setOutputArray(i, array(node, workspace, node.outputs().get(i)));
    }
    DifferentialFunction function = node.function();
    if (function instanceof CustomOp custom) {
      context.setIArguments(custom.iArgs());
      context.setTArguments(custom.tArgs());
      context.setBArguments(custom.bArgs());
      context.setDArguments(custom.dArgs());
      return () -> Nd4j.getExecutioner().exec(custom, context);
    }
    return () -> Nd4j.getExecutioner().exec((Op) function, context);
  }

  private static INDArray array(Nd4jOp node, CpuWorkspace workspace, Value value) {
    return node.elementwise()
        ? workspace.array(value, value.length())
        : workspace.array(value, value.shape());
  }

  private static void close(OpContext context) {
    try {
      context.close();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
