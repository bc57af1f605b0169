package org.diffusion4j.engine.samediff;

import java.util.List;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.linalg.api.ops.BaseReduceOp;
import org.nd4j.linalg.api.ops.CustomOp;
import org.nd4j.linalg.api.ops.ScalarOp;

/** An operation of a SameDiff graph: its kind and the names of its inputs and outputs. */
public record Op(String kind, DifferentialFunction function, List<String> in, List<String> out) {

  public Op {
    in = List.copyOf(in);
    out = List.copyOf(out);
  }

  /** The name of the first output. */
  public String result() {
    return out.get(0);
  }

  /** Whether it is of a kind. */
  public boolean is(String name) {
    return kind.equals(name);
  }

  /** The integer settings; empty if it has none. */
  public long[] integers() {
    return function instanceof CustomOp custom ? custom.iArgs() : new long[0];
  }

  /** Whether it reduces a single dimension and keeps it with size 1. */
  boolean reduces(int dimension) {
    return reducedDimension() == dimension;
  }

  /** The single dimension that it reduces and keeps with size 1; -1 if it does anything else. */
  int reducedDimension() {
    return function instanceof BaseReduceOp reduce
            && in.size() == 1
            && reduce.isKeepDims()
            && reduce.getDimensions().length == 1
        ? reduce.getDimensions()[0]
        : -1;
  }

  /** The scalar of a scalar operation. */
  public double scalar() {
    return ((ScalarOp) function).scalar().getDouble(0);
  }
}
