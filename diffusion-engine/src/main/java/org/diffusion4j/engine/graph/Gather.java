package org.diffusion4j.engine.graph;

import java.util.List;

/**
 * Looks up rows of a table, as an embedding does.
 *
 * @param table {@code [rows, ...]}
 * @param rows row numbers in [0, rows), INT or LONG {@code [...]}
 * @param y the selected rows, in C order
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
  public boolean divisible() {
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

  /** The gradient of the table: each row is the sum of the gradients where it was selected. */
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
