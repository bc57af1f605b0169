package org.diffusion4j.engine.graph;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

class ArenaTest {

  /** Reads and writes nothing but what it says. */
  private record Step(List<Value> inputs, Value output, List<Value> overwritable, long scratch)
      implements Node {

    @Override
    public String name() {
      return output.name();
    }

    @Override
    public List<Value> outputs() {
      return List.of(output);
    }
  }

  private static Arena arena(List<Node> nodes, List<Value> last) {
    return new Arena(nodes, node -> ((Step) node).scratch, last);
  }

  private static Value value(String name, long floats) {
    return Value.plain(name, DataType.FLOAT, floats);
  }

  private static Step step(Value output, Value... inputs) {
    return new Step(List.of(inputs), output, List.of(inputs), 0);
  }

  /**
   * Runs the plan on marks: each step writes its own over all that its output and its scratch take,
   * and every input must still hold the marks of the step that made it.
   */
  private static void run(List<Node> nodes, List<Value> last) {
    Arena arena = arena(nodes, last);
    int[] memory = new int[Math.toIntExact(arena.floats())];
    Map<Value, Integer> marks = new HashMap<>();
    for (int i = 0; i < nodes.size(); i++) {
      Node node = nodes.get(i);
      node.inputs().forEach(input -> requireMarks(memory, input, marks.get(input)));
      Storage scratch = arena.scratch().get(node);
      if (scratch != null) {
        fill(memory, scratch.offset(), ((Step) node).scratch, -1);
        node.inputs().forEach(input -> requireMarks(memory, input, marks.get(input)));
      }
      Value output = node.outputs().get(0);
      fill(memory, output.storage().offset(), output.length(), i + 1);
      marks.put(output, i + 1);
      if (scratch != null) {
        fill(memory, scratch.offset(), ((Step) node).scratch, -1);
        requireMarks(memory, output, i + 1);
      }
    }
    last.forEach(value -> requireMarks(memory, value, marks.get(value)));
  }

  private static void fill(int[] memory, long offset, long length, int mark) {
    for (long i = offset; i < offset + length; i++) {
      memory[Math.toIntExact(i)] = mark;
    }
  }

  private static void requireMarks(int[] memory, Value value, int mark) {
    assertThat(value.storage().offset() % 16).isZero();
    for (long i = 0; i < value.length(); i++) {
      if (memory[Math.toIntExact(value.storage().offset() + i)] != mark) {
        throw new AssertionError(value + " was overwritten while it was needed");
      }
    }
  }

  @Property(tries = 300, seed = "1")
  void place_ofAnyLifetimes_keepsWhatIsNeeded(
      @ForAll @IntRange(min = 1, max = 60) int steps, @ForAll Random random) {
    List<Node> nodes = new ArrayList<>();
    List<Value> made = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      List<Value> inputs = new ArrayList<>();
      for (int j = made.isEmpty() ? 3 : random.nextInt(3); j < 3; j++) {
        inputs.add(made.get(random.nextInt(made.size())));
      }
      List<Value> overwritable = random.nextBoolean() ? inputs : List.of();
      // Few sizes, so that steps may write over their inputs.
      Value output = value("v" + i, 1 + 20L * random.nextInt(4));
      nodes.add(
          new Step(inputs, output, overwritable, random.nextInt(3) == 0 ? random.nextInt(50) : 0));
      made.add(output);
    }
    run(nodes, List.of(made.get(random.nextInt(made.size()))));
  }

  @Property(tries = 100, seed = "1")
  void place_withoutReuse_sharesNoPlaceAtOneTime(
      @ForAll @IntRange(min = 2, max = 40) int steps, @ForAll Random random) {
    List<Node> nodes = new ArrayList<>();
    List<Value> made = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      Value output = value("v" + i, 1 + random.nextInt(100));
      List<Value> inputs = i == 0 ? List.of() : List.of(made.get(random.nextInt(i)));
      nodes.add(new Step(inputs, output, List.of(), 0));
      made.add(output);
    }
    Arena arena = arena(nodes, List.of());
    long sum = 0;
    for (Value a : made) {
      sum += (a.length() + 15) / 16 * 16;
      assertThat(a.storage().offset()).isNotNegative();
      assertThat(a.storage().offset() + a.length()).isLessThanOrEqualTo(arena.floats());
      for (Value b : made) {
        boolean apart =
            a.storage().offset() + a.length() <= b.storage().offset()
                || b.storage().offset() + b.length() <= a.storage().offset();
        assertThat(a == b || apart || !a.storage().overlapsInTime(b.storage())).isTrue();
      }
    }
    assertThat(arena.floats()).isLessThanOrEqualTo(sum);
  }

  @Test
  void place_ofAChain_takesNoMoreThanItsLargestStep() {
    List<Node> nodes = new ArrayList<>();
    Value before = value("v0", 64);
    nodes.add(step(before));
    for (int i = 1; i < 10; i++) {
      Value next = value("v" + i, 64);
      nodes.add(new Step(List.of(before), next, List.of(), 0));
      before = next;
    }
    assertThat(arena(nodes, List.of()).floats()).isEqualTo(128);
  }

  @Test
  void output_ofAStepWhoseInputDies_takesItsPlace() {
    Value x = value("x", 64);
    Value y = value("y", 64);
    assertThat(arena(List.of(step(x), step(y, x)), List.of()).floats()).isEqualTo(64);
    assertThat(y.storage().root()).isSameAs(x.storage().root());
  }

  @Test
  void output_ofAStepWhoseInputIsReadLater_hasItsOwnPlace() {
    Value x = value("x", 64);
    Value y = value("y", 64);
    Value z = value("z", 64);
    arena(List.of(step(x), step(y, x), step(z, x, y)), List.of());
    assertThat(y.storage().root()).isNotSameAs(x.storage().root());
    assertThat(z.storage().root()).isSameAs(x.storage().root());
  }

  @Test
  void output_ofAStepWhoseInputIsReadAtTheEnd_hasItsOwnPlace() {
    Value x = value("x", 64);
    Value y = value("y", 64);
    arena(List.of(step(x), step(y, x)), List.of(x));
    assertThat(y.storage().root()).isNotSameAs(x.storage().root());
  }

  @Test
  void output_ofAnotherSizeThanItsInput_hasItsOwnPlace() {
    Value x = value("x", 64);
    Value y = value("y", 63);
    arena(List.of(step(x), step(y, x)), List.of());
    assertThat(y.storage().root()).isNotSameAs(x.storage().root());
  }

  @Test
  void output_whoseInputLivesOnInAView_hasItsOwnPlace() {
    Value x = value("x", 64);
    Value y = value("y", 64);
    Value view = x.view("view", 8, 8);
    Value z = value("z", 64);
    arena(List.of(step(x), step(y, x), step(z, view, y)), List.of());
    assertThat(y.storage().root()).isNotSameAs(x.storage().root());
  }

  @Test
  void output_whoseInputIsAWeight_leavesTheWeightAlone() {
    Value w = Value.weight("w", DataType.FLOAT, 64);
    Value y = value("y", 64);
    arena(List.of(step(y, w)), List.of());
    assertThat(y.storage().kind()).isEqualTo(Storage.Kind.ARENA);
    assertThat(w.storage().kind()).isEqualTo(Storage.Kind.WEIGHT);
  }
}
