package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Takes rows of a table by their numbers, as an embedding does.
 *
 * @param table {@code [rows, ...]}
 * @param rows numbers in [0, rows), INT or LONG {@code [...]}
 * @param y the rows in the place of their numbers, in C order
 */
public record Gather(Value table, Value rows, Value y) implements Node {

  @Override
  public String name() {
    return "gather " + y.name();
  }

  @Override
  public List<Value> inputs() {
    return List.of(table, rows);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public boolean batchwise() {
    return table.isWeight() && !rows.isWeight();
  }

  @Override
  public void differentiate(Tape tape) {
    if (tape.wants(table)) {
      Value gradient = table.gradient();
      tape.add(new Gradient(this, tape.gradientOf(y), gradient));
      tape.contribute(table, gradient);
    }
  }

  /** The gradient of the table: each row is the sum over those places that took it. */
  public record Gradient(Gather of, Value dy, Value dTable) implements Node {

    @Override
    public String name() {
      return dTable.name();
    }

    @Override
    public List<Value> inputs() {
      return List.of(of.rows, dy);
    }

    @Override
    public List<Value> outputs() {
      return List.of(dTable);
    }
  }
}
