package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.diffusion4j.benchmarks.SamplerOverhead.Times;
import org.junit.jupiter.api.Test;

class SamplerOverheadTest {

  private static final Net TINY = new Net("tiny", 12, 2, 8, List.of(1, 2, 3));

  @Test
  void row_givesTheMediansOfTheRounds() {
    List<Times> rounds =
        List.of(new Times(10, 11, 10), new Times(10, 10.1, 10), new Times(10, 10.5, 12));
    assertThat(SamplerOverhead.row("dpm++2m", rounds))
        .isEqualTo("| dpm++2m | 10.00 | 10.50 | 10.00 | 1.00 % | +5.00 % |");
  }

  @Test
  void table_hasARowForEachSampler() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int exitCode =
        Programs.commandLine(
                new SamplerOverhead(new PrintStream(out, true, StandardCharsets.UTF_8), TINY))
            .execute("--batch=1", "--rounds=1", "--steps=2");
    assertThat(exitCode).isZero();
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertThat(lines).hasSize(3 + SamplerOverhead.usual().size());
    String cell = " \\d+\\.\\d\\d ";
    assertThat(lines.subList(3, lines.size()))
        .allSatisfy(
            line ->
                assertThat(line)
                    .matches("\\|.*\\|" + (cell + "\\|").repeat(3) + cell + "% \\| [+-].* % \\|"));
  }
}
