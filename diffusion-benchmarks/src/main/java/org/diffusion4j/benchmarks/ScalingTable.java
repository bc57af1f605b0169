package org.diffusion4j.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A Markdown table of time and memory when one parameter varies. */
final class ScalingTable {

  private static final List<Integer> BATCHES = List.of(1, 2, 4, 8, 16, 32, 64, 128);
  private static final List<Integer> SIZES = List.of(16, 32, 64);
  private static final List<Integer> BASES = List.of(16, 32, 64, 128);
  private static final List<Integer> THREADS = List.of(1, 2);

  private ScalingTable() {}

  /**
   * A row of the table.
   *
   * @param label the changed parameter
   * @param what the case
   */
  record Row(String label, Case what) {

    String markdown(Comparison measured) {
      return String.format(
          Locale.ROOT,
          "| %s | %s | %.1f | %.1f | %.2f | %.0f | %.0f | %.2f |",
          label,
          what.mode(),
          measured.ours().medianMs(),
          measured.theirs().medianMs(),
          measured.ratio(),
          measured.ours().peakMb(),
          measured.theirs().peakMb(),
          measured.memoryRatio());
    }
  }

  /** The two header lines. */
  static String header(Contestant peer) {
    return "| | mode | ours ms | %1$s ms | ratio | ours MB | %1$s MB | ratio |%n".formatted(peer)
        + "|---|---|--:|--:|--:|--:|--:|--:|";
  }

  /** The rows of a mode; each changes one parameter of the standard case. */
  static List<Row> rows(Case standard) {
    List<Row> rows = new ArrayList<>();
    BATCHES.forEach(batch -> rows.add(new Row("batch " + batch, standard.withBatch(batch))));
    Net net = standard.net();
    for (int size : SIZES) {
      Net other =
          new Net(net.name(), size, net.channels(), net.base(), net.mult(), net.takesText());
      rows.add(new Row("side " + size, standard.with(other)));
    }
    for (int base : BASES) {
      Net other =
          new Net(net.name(), net.size(), net.channels(), base, net.mult(), net.takesText());
      rows.add(new Row("base " + base, standard.with(other)));
    }
    THREADS.forEach(count -> rows.add(new Row("threads " + count, standard.withThreads(count))));
    return rows;
  }
}
