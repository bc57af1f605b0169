package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.api.SoftAssertions;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.internal.nn.Layers;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The gradient of the one kernel for group norms, against SameDiff's in DOUBLE. */
class PlanGroupNormTest {

  /** What stands around a group norm, whose input may be read by others too. */
  private record Around(
      int channels, int side, boolean biased, boolean scaled, boolean silu, boolean shared) {

    SameDiff graph(DataType type) {
      Layers layers = new Layers(3, type);
      SameDiff sd = layers.sd;
      SDVariable x = layers.input(Graphs.SAMPLE, -1, channels, side, side);
      SDVariable t = layers.input(Graphs.TIMESTEP, -1, 1).mul(0.01);
      SDVariable h = layers.conv("before", x, channels, channels, 1);
      SDVariable y = h;
      if (biased) {
        y = y.add(sd.reshape(layers.dense("bias", t, 1, channels), -1, channels, 1, 1));
      }
      y = layers.groupNorm("norm", new FeatureMap(y, channels, side, side), 2, 1e-5);
      if (scaled) {
        y = layers.scaleShift(y, layers.dense("scale", t, 1, 2 * channels), channels);
      }
      if (silu) {
        y = layers.silu(y);
      }
      if (shared) {
        y = y.add(h);
      }
      layers.output(layers.conv("after", y, channels, channels, 1));
      return sd;
    }
  }

  @Property(tries = 16, seed = "1", shrinking = ShrinkingMode.OFF)
  void gradients_throughAGroupNorm_areThoseOfDoubles(
      @ForAll @IntRange(min = 1, max = 3) int n,
      @ForAll @IntRange(min = 1, max = 6) int grouped,
      @ForAll @IntRange(min = 2, max = 17) int side,
      @ForAll boolean biased,
      @ForAll boolean scaled,
      @ForAll boolean silu,
      @ForAll boolean shared) {
    Around around = new Around(2 * grouped, side, biased, scaled, silu, shared);
    SameDiff single = around.graph(DataType.FLOAT);
    SameDiff exact = around.graph(DataType.DOUBLE);
    Random random = new Random(5);
    List<String> names = new ArrayList<>();
    for (SDVariable variable : single.variables()) {
      if (variable.getVariableType() == VariableType.VARIABLE) {
        INDArray weight = variable.getArr();
        weight.addi(PlanAndSession.gaussian(random, weight.shape()).muli(0.2));
        exact.getVariable(variable.name()).getArr().assign(weight);
        names.add(variable.name());
      }
    }
    names.add(Graphs.SAMPLE);
    Map<String, INDArray> inputs = new LinkedHashMap<>();
    inputs.put(Graphs.SAMPLE, PlanAndSession.gaussian(random, n, 2 * grouped, side, side));
    inputs.put(Graphs.TIMESTEP, PlanAndSession.times(random, n));
    INDArray target = PlanAndSession.gaussian(random, n, 2 * grouped, side, side);
    Map<String, INDArray> doubles = new HashMap<>();
    inputs.forEach((name, array) -> doubles.put(name, array.castTo(DataType.DOUBLE)));

    try (GraphRunner plan = new GraphRunner(single);
        GraphRunner session = new GraphRunner(exact);
        Gradients actual = new Gradients(plan.gradients(inputs, target, names));
        Gradients expected =
            new Gradients(session.gradients(doubles, target.castTo(DataType.DOUBLE), names))) {
      // Written out in elementary operations its gradient could not be planned.
      assertThat(plan.isPlanned()).isTrue();
      double largest =
          expected.of().values().stream().mapToDouble(PlanAndSession::norm).max().orElseThrow();
      SoftAssertions softly = new SoftAssertions();
      for (String name : names) {
        double size = PlanAndSession.norm(expected.of().get(name));
        softly
            .assertThat(PlanAndSession.error(actual.of().get(name), expected.of().get(name)))
            .as("error of the gradient by %s of norm %s", name, size)
            .isLessThan(1e-5 * size + 1e-6 * largest);
      }
      softly.assertAll();
    }
  }
}
