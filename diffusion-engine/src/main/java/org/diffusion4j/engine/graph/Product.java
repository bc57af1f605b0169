package org.diffusion4j.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A product of matrices, or of batches of them: {@code y = factor a b + bias}.
 *
 * @param bias one for each column, or null
 */
public record Product(double factor, Matrices a, Matrices b, @Nullable Value bias, Matrices y)
    implements Node {

  @Override
  public String name() {
    return "product " + y.value().name();
  }

  @Override
  public List<Value> inputs() {
    return bias == null ? List.of(a.value(), b.value()) : List.of(a.value(), b.value(), bias);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y.value());
  }

  @Override
  public boolean divisible() {
    return !a.value().isWeight() && (b.value().isWeight() || a.rank() > 2);
  }

  @Override
  public void differentiate(Tape tape) {
    Matrices dy = y.in(tape.gradientOf(y.value()));
    if (bias != null && tape.wants(bias)) {
      Value gradient = bias.gradient();
      tape.add(new ColumnSums(gradient.name(), dy.value(), gradient));
      tape.contribute(bias, gradient);
    }
    if (tape.wants(a.value())) {
      Matrices gradient = a.in(a.value().gradient());
      tape.add(byRows(dy, b.transposed(), gradient));
      tape.contribute(a.value(), gradient.value());
    }
    if (tape.wants(b.value())) {
      Matrices gradient = b.in(b.value().gradient());
      tape.add(byRows(a.transposed(), dy, gradient));
      tape.contribute(b.value(), gradient.value());
    }
  }

  /** The product with a result that is written by rows, because kernels write columns slowly. */
  private Product byRows(Matrices left, Matrices right, Matrices to) {
    return to.byRows()
        ? new Product(factor, left, right, null, to)
        : new Product(factor, right.transposed(), left.transposed(), null, to.transposed());
  }
}
