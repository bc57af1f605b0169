package org.diffusion4j.engine.graph;

import java.util.List;
import java.util.Set;
import org.nd4j.autodiff.functions.DifferentialFunction;

/**
 * An operation without its own node; ND4J runs it on values in C order.
 *
 * @param elementwise whether the values can be treated as one row in any order
 * @param gradient how it is differentiated
 */
public record Nd4jOp(
    DifferentialFunction function,
    List<Value> inputs,
    List<Value> outputs,
    boolean elementwise,
    LocalGradient gradient)
    implements Node {

  private static final Set<String> BATCHWISE =
      Set.of("cast", "onehot", "add", "subtract", "multiply", "divide");

  /** Differentiates the operation: adds the nodes of its gradient to the tape. */
  public interface LocalGradient {
    void differentiate(Nd4jOp op, Tape tape);
  }

  public Nd4jOp {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
  }

  @Override
  public String name() {
    return function.opName() + " " + outputs.get(0).name();
  }

  @Override
  public boolean divisible() {
    return elementwise
        || (BATCHWISE.contains(function.opName())
            && inputs.stream().noneMatch(v -> v.isWeight() && v.rank() > 0 && v.size(0) > 1));
  }

  @Override
  public void differentiate(Tape tape) {
    gradient.differentiate(this, tape);
  }
}
