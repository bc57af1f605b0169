package org.diffusion4j.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CaseTest {

  @Test
  void parse_ofItsArgumentsAndMore_isTheSame() {
    for (Net net : List.of(Net.CIFAR, Net.STABLE_DIFFUSION)) {
      Case what = new Case(net, Mode.TRAIN, 64, 1, ComputeType.BFLOAT16, 0.5);
      List<String> arguments = new ArrayList<>(what.toArguments());
      arguments.add("model.onnx");
      assertThat(Case.parse(arguments.toArray(String[]::new))).isEqualTo(what);
    }
  }
}
