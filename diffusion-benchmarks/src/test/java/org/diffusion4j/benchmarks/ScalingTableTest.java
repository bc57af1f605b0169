package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ScalingTableTest {

  @Test
  void rows_varyOneQuantityEach() {
    Case standard = Cases.standard(Mode.TRAIN);
    List<ScalingTable.Row> rows = ScalingTable.rows(standard);
    assertThat(rows)
        .extracting(ScalingTable.Row::label)
        .contains("batch 1", "batch 128", "side 16", "side 64", "base 16", "base 128")
        .contains("threads 1", "threads 2");
    assertThat(rows).filteredOn(row -> row.what().equals(standard)).hasSize(4);
    assertThat(rows)
        .filteredOn(row -> row.label().equals("side 64"))
        .singleElement()
        .extracting(row -> row.what().net().size(), row -> row.what().batch())
        .containsExactly(64, 16);
    rows.forEach(row -> row.what().net().config());
  }

  @Test
  void table_isMarkdown() {
    Case what = Cases.standard(Mode.TRAIN);
    Comparison comparison =
        Comparison.of(
            what,
            Map.of(
                Contestant.OURS, Cases.measurement(30, 300),
                Contestant.LIBTORCH, Cases.measurement(20, 400)));
    String row = new ScalingTable.Row("batch 16", what).markdown(comparison);
    assertThat(row).isEqualTo("| batch 16 | train | 30.0 | 20.0 | 1.50 | 300 | 400 | 0.75 |");
    assertThat(ScalingTable.header(Contestant.LIBTORCH).lines())
        .containsExactly(
            "| | mode | ours ms | libtorch ms | ratio | ours MB | libtorch MB | ratio |",
            "|---|---|--:|--:|--:|--:|--:|--:|");
  }
}
