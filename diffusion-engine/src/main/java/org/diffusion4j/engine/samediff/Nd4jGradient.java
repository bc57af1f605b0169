package org.diffusion4j.engine.samediff;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.diffusion4j.engine.graph.Nd4jOp;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Tape;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.graph.Weights;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.Variable;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * The gradient of an operation without a kernel: ND4J gives the operations of the gradient, which
 * are read like any others.
 */
final class Nd4jGradient implements Nd4jOp.LocalGradient {

  private static final String SEED = "-incoming-gradient";

  private final Supplier<SameDiff> gradientGraph;
  private final Weights weights;

  /**
   * @param gradientGraph creates a copy of the graph to which operations may be added
   */
  Nd4jGradient(Supplier<SameDiff> gradientGraph, Weights weights) {
    this.gradientGraph = gradientGraph;
    this.weights = weights;
  }

  @Override
  public void differentiate(Nd4jOp node, Tape tape) {
    SameDiff scratch = gradientGraph.get();
    Set<String> ops = Set.copyOf(scratch.getOps().keySet());
    Set<String> variables = Set.copyOf(scratch.getVariables().keySet());
    try {
      differentiate(node, tape, scratch);
    } finally {
      remove(scratch, ops, variables);
    }
  }

  /** Restores the graph, because each plan adds operations to it. */
  private static void remove(SameDiff scratch, Set<String> ops, Set<String> variables) {
    scratch.getOps().keySet().retainAll(ops);
    for (String name : List.copyOf(scratch.getVariables().keySet())) {
      Variable variable = Objects.requireNonNull(scratch.getVariables().get(name));
      List<String> readers = variable.getInputsForOp();
      if (!variables.contains(name)) {
        scratch.getVariables().remove(name);
        scratch.getConstantArrays().removeArray(name);
      } else if (readers != null && !ops.containsAll(readers)) {
        readers.removeIf(op -> !ops.contains(op));
      }
    }
  }

  private void differentiate(Nd4jOp node, Tape tape, SameDiff scratch) {
    DifferentialFunction function = scratch.getVariableOutputOp(node.outputs().get(0).name());
    if (function == null) {
      throw new UnplannableException("ND4J does not know how " + node.name() + " came to be");
    }
    if (function.opName().equals("gather")) {
      throw new UnplannableException("ND4J adds the gradient of a gather to wrong rows");
    }
    Reading reading = new Reading(weights, 1);
    List<SDVariable> seeds = new ArrayList<>();
    for (Value output : node.outputs()) {
      Value dy = tape.gradient(output);
      if (dy == null) {
        throw new UnplannableException("not every result of " + node.name() + " is used");
      }
      String name = output.name() + SEED;
      seeds.add(
          scratch.hasVariable(name)
              ? scratch.getVariable(name)
              : scratch.placeHolder(name, DataType.FLOAT, output.shape()));
      reading.define(name, dy);
      reading.define(output.name(), output);
    }
    String[] names = function.argNames();
    for (int i = 0; i < names.length; i++) {
      reading.define(names[i], node.inputs().get(i));
    }
    List<SDVariable> results = differentiate(function, seeds);
    for (int i = 0; i < names.length; i++) {
      SDVariable result = i < results.size() ? results.get(i) : null;
      if (result != null && tape.wants(node.inputs().get(i))) {
        contribute(tape, reading, scratch, node.inputs().get(i), result.name());
      }
    }
  }

  private static List<@Nullable SDVariable> differentiate(
      DifferentialFunction function, List<SDVariable> seeds) {
    try {
      return new ArrayList<>(function.doDiff(seeds));
    } catch (RuntimeException e) {
      throw new UnplannableException("ND4J cannot differentiate " + function.opName() + ": " + e);
    }
  }

  private void contribute(
      Tape tape, Reading reading, SameDiff scratch, Value input, String result) {
    int before = reading.nodes().size();
    Set<String> known = new HashSet<>(reading.known());
    new GraphReader(reading, this, Precision.FLOAT32)
        .read(new Ops(scratch, List.of(result), known), List.of(result));
    Value gradient = reading.value(result);
    if (!gradient.sameShape(input)) {
      gradient = gradient.view(gradient.name(), input.shape());
    }
    Value laidOut = input.channelsLast() ? reading.image(gradient) : reading.plain(gradient);
    reading.nodes().subList(before, reading.nodes().size()).forEach(tape::add);
    tape.contribute(input, laidOut);
  }
}
