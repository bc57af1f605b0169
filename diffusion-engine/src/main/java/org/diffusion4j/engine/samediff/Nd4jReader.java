package org.diffusion4j.engine.samediff;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.internal.common.NativeMemory;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.BaseTransformOp;
import org.nd4j.linalg.api.ops.ScalarOp;
import org.nd4j.linalg.api.shape.LongShapeDescriptor;
import org.nd4j.linalg.factory.Nd4j;

/** Converts operations without a node of their own to nodes that ND4J runs. */
final class Nd4jReader {

  /** Operations whose integer inputs are values, not the shape of the result. */
  private static final Set<String> READS_INTEGERS =
      Set.of(
          "cast",
          "onehot",
          "mul_scalar",
          "add_scalar",
          "sub_scalar",
          "add",
          "subtract",
          "multiply");

  /** The memory for smaller examples is not checked. */
  private static final long LEAST_CHECKED_BYTES = 1 << 20;

  private final Reading reading;
  private final Nd4jOp.LocalGradient localGradient;

  Nd4jReader(Reading reading, Nd4jOp.LocalGradient localGradient) {
    this.reading = reading;
    this.localGradient = localGradient;
  }

  /** Adds the node of an operation. */
  void read(Op op) {
    DifferentialFunction function = op.function();
    boolean elementwise =
        op.in().size() == 1
            && (function instanceof BaseTransformOp || function instanceof ScalarOp);
    List<Value> in = new ArrayList<>();
    for (String name : op.in()) {
      in.add(elementwise ? reading.value(name) : reading.plain(reading.value(name)));
    }
    for (Value value : in) {
      if (value.type() != DataType.FLOAT
          && !value.isWeight()
          && !READS_INTEGERS.contains(op.kind())) {
        throw new UnplannableException(op.kind() + " may take its shape from " + value.name());
      }
    }
    List<LongShapeDescriptor> shapes = shapes(function, in);
    List<Value> out = new ArrayList<>();
    for (int i = 0; i < op.out().size(); i++) {
      LongShapeDescriptor shape = shapes.get(i);
      if (!Nd4jShapes.isSupported(shape.dataType())) {
        throw new UnplannableException(op.kind() + " makes " + shape.dataType());
      }
      boolean like =
          elementwise && shape.dataType() == DataType.FLOAT && in.get(0).type() == DataType.FLOAT;
      out.add(
          like
              ? in.get(0).likeThis(op.out().get(i))
              : Value.plain(op.out().get(i), shape.dataType(), shape.getShape()));
    }
    reading.add(new Nd4jOp(function, in, out, elementwise, localGradient));
  }

  /** The shapes and types of the results of an operation. */
  List<LongShapeDescriptor> shapes(DifferentialFunction function, List<Value> in) {
    List<INDArray> examples = examples(in);
    try {
      return Nd4jShapes.of(function, examples);
    } finally {
      for (int i = 0; i < in.size(); i++) {
        if (!in.get(i).isWeight()) {
          examples.get(i).close();
        }
      }
    }
  }

  /**
   * Arrays with the values' shapes; for weights the weights themselves, because an operation may
   * need their contents.
   */
  private List<INDArray> examples(List<Value> in) {
    long bytes = 0;
    for (Value value : in) {
      bytes += value.isWeight() ? 0 : value.length() * value.type().width();
    }
    if (bytes >= LEAST_CHECKED_BYTES) {
      NativeMemory.require("planning " + in.get(0), bytes);
    }
    List<INDArray> arrays = new ArrayList<>();
    for (Value value : in) {
      arrays.add(
          value.isWeight()
              ? reading.weights().array(value.storage().weight()).reshape('c', value.shape())
              : Nd4j.createUninitialized(value.type(), value.shape()));
    }
    return arrays;
  }
}
