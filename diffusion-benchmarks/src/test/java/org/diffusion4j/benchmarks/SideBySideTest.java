package org.diffusion4j.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SideBySideTest {

  private final List<Case> cases = new ArrayList<>();
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();
  private final StringWriter errors = new StringWriter();

  @Test
  void call_withoutOptions_comparesFourCases() {
    assertThat(run()).isZero();
    List<String> lines = lines();
    assertThat(lines.get(0)).startsWith("# standard: 32x32x1, base 32, mult 1,2,4; threads ");
    assertThat(lines.subList(1, lines.size()))
        .extracting(line -> line.replaceAll(" ours_ms.*", ""))
        .containsExactly(
            "unet infer batch=16",
            "unet infer batch=64",
            "unet train batch=16",
            "unet train batch=64");
    assertThat(cases).hasSize(3 * (3 + 3 + 2 + 2));
  }

  @Test
  void call_allNets_comparesEach() {
    assertThat(run("--net=all", "--modes=train", "--batches=8", "--rounds=1")).isZero();
    assertThat(cases)
        .extracting(what -> what.net().name())
        .containsExactly("standard", "standard", "fashion", "fashion", "cifar", "cifar");
  }

  @Test
  void call_options_reachTheContestants() {
    int exitCode =
        run(
            "--net=cifar",
            "--size=16",
            "--channels=4",
            "--base=8",
            "--mult=1,3",
            "--threads=5",
            "--seconds=0.5",
            "--precision=bfloat16",
            "--modes=infer",
            "--batches=2",
            "--rounds=1");
    assertThat(exitCode).isZero();
    Net net = new Net("cifar", 16, 4, 8, List.of(1, 3));
    assertThat(cases)
        .containsOnly(new Case(net, Mode.INFER, 2, 5, ComputeType.BFLOAT16, 0.5))
        .hasSize(3);
  }

  @Test
  void call_scaling_runsNoCaseTwice() {
    assertThat(run("--scaling", "--rounds=1", "--modes=train", "--threads=2")).isZero();
    assertThat(lines()).filteredOn(line -> line.startsWith("| threads 1 | train |")).hasSize(1);
    assertThat(lines()).filteredOn(line -> line.startsWith("| ")).hasSize(1 + 8 + 3 + 4 + 2);
    assertThat(cases).hasSize(2 * (8 + 3 + 4 + 2 - 3));
  }

  @ParameterizedTest
  @CsvSource({"--batches=0", "--modes=sleep", "--net=other", "--rounds=0", "--threads=none"})
  void call_misuse_is2(String argument) {
    assertThat(run(argument)).isEqualTo(2);
    assertThat(errors.toString()).contains(argument.replaceAll("=.*", ""));
    assertThat(cases).isEmpty();
  }

  @Test
  void call_aNetThatNobodyCanBuild_is1() {
    assertThat(run("--size=30")).isEqualTo(1);
    assertThat(errors.toString())
        .startsWith("error: height and width must be divisible by 4 for 3 levels but were 30 x 30");
  }

  private int run(String... arguments) {
    Stage stage =
        (contestant, what) -> {
          cases.add(what);
          return Cases.measurement(contestant.ordinal() + 1, 100);
        };
    SideBySide program = new SideBySide(stage, new PrintStream(output, true, UTF_8));
    return Programs.commandLine(program).setErr(new PrintWriter(errors)).execute(arguments);
  }

  private List<String> lines() {
    return output.toString(UTF_8).lines().toList();
  }
}
