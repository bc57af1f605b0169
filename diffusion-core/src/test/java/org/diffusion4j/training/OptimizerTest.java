package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.AdaGrad;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.NoOp;
import org.nd4j.linalg.learning.config.RmsProp;
import org.nd4j.linalg.learning.config.Sgd;

class OptimizerTest {

  /** PyTorch's rule for one weight, in double. */
  private static final class TorchAdam {

    private final double rate;
    private final double decay;
    private double m;
    private double v;
    private int step;

    TorchAdam(double rate, double decay) {
      this.rate = rate;
      this.decay = decay;
    }

    double step(double p, double gradient) {
      step++;
      m = 0.9 * m + 0.1 * gradient;
      v = 0.999 * v + 0.001 * gradient * gradient;
      double denominator = Math.sqrt(v) / Math.sqrt(1 - Math.pow(0.999, step)) + 1e-8;
      return p * (1 - rate * decay) - rate / (1 - Math.pow(0.9, step)) * m / denominator;
    }
  }

  /** Gradients near Adam's epsilon tell where it is added. */
  @ParameterizedTest
  @CsvSource({"0, 1", "0, 1e-3", "0, 1e-7", "0, 1e-8", "0.1, 1", "0.1, 1e-7", "2, 1e-3"})
  void adam_overTenSteps_isPyTorchs(double decay, double scale) {
    double rate = 0.01;
    Random random = new Random(3);
    double[] expected = random.doubles(6, -1, 1).toArray();
    TorchAdam[] rules = new TorchAdam[6];
    for (int i = 0; i < 6; i++) {
      rules[i] = new TorchAdam(rate, decay);
    }
    INDArray p = Nd4j.createFromArray(floats(expected)).reshape(2, 3);
    try (Optimizer.Run run = Optimizer.adamW(rate, decay).start(Map.of("p", p))) {
      for (int step = 0; step < 10; step++) {
        double[] gradient = random.doubles(6, -scale, scale).toArray();
        for (int i = 0; i < 6; i++) {
          expected[i] = rules[i].step(expected[i], (float) gradient[i]);
        }
        run.step(Map.of("p", Nd4j.createFromArray(floats(gradient)).reshape(2, 3)));
      }
    }
    for (int i = 0; i < 6; i++) {
      // Ten steps of up to 0.01 are taken in FLOAT: 1e-6 is a relative error of 1e-5.
      assertThat((double) p.getFloat(i / 3, i % 3)).isCloseTo(expected[i], within(1e-6));
    }
  }

  @Test
  void adam_onGradientsInColumnOrder_changesTheRightWeights() {
    INDArray p = Nd4j.zeros(DataType.FLOAT, 2, 3);
    INDArray gradient = Nd4j.createFromArray(1f, 0f, 0f, 0f, 0f, -1f).reshape(2, 3).dup('f');
    try (Optimizer.Run run = Optimizer.adam(0.5).start(Map.of("p", p))) {
      run.step(Map.of("p", gradient));
    }
    assertThat(p.dup('c').data().asFloat())
        .containsExactly(new float[] {-0.5f, 0, 0, 0, 0, 0.5f}, within(1e-5f));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void adam_withoutAPositiveRate_refuses(double rate) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizer.adam(rate))
        .withMessage("learning rate must be positive but was " + rate);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, Double.NaN, 1000, Double.POSITIVE_INFINITY})
  void adamW_whoseDecayTakesAllOrGives_refuses(double decay) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizer.adamW(1e-3, decay))
        .withMessageStartingWith("weight decay must be in [0, 1 / learning rate)")
        .withMessageContaining("" + decay);
  }

  @Test
  void sgd_byHand_subtractsTheScaledGradient() {
    INDArray p = Nd4j.createFromArray(1f, 2f, 3f, 4f).reshape(2, 2);
    INDArray gradient = Nd4j.createFromArray(4f, -8f, 0f, 2f).reshape(2, 2);
    try (Optimizer.Run run = Optimizer.of(new Sgd(0.25)).start(Map.of("p", p))) {
      run.step(Map.of("p", gradient));
      assertThat(p.data().asFloat()).containsExactly(0, 4, 3, 3.5f);
      run.step(Map.of("p", gradient));
      assertThat(p.data().asFloat()).containsExactly(-1, 6, 3, 3);
    }
  }

  @Test
  void noOp_byHand_subtractsTheGradientItself() {
    INDArray p = Nd4j.createFromArray(1f, 2f);
    try (Optimizer.Run run = Optimizer.of(new NoOp()).start(Map.of("p", p))) {
      run.step(Map.of("p", Nd4j.createFromArray(0.5f, -1f)));
    }
    assertThat(p.data().asFloat()).containsExactly(0.5f, 3);
  }

  static IUpdater[] updaters() {
    return new IUpdater[] {
      new Sgd(0.05),
      new Nesterovs(0.02, 0.9),
      new org.nd4j.linalg.learning.config.Adam(0.05),
      new RmsProp(0.05),
      new AdaGrad(0.3)
    };
  }

  @ParameterizedTest
  @MethodSource("updaters")
  void of_anyUpdater_descendsAParabola(IUpdater updater) {
    INDArray p = Nd4j.createFromArray(1f, -1f, 2f, -2f, 1f, 1f).reshape(2, 3);
    INDArray q = Nd4j.createFromArray(3f);
    double before = p.norm2Number().doubleValue() + q.norm2Number().doubleValue();
    try (Optimizer.Run run = Optimizer.of(updater).start(Map.of("p", p, "q", q))) {
      for (int i = 0; i < 60; i++) {
        run.step(Map.of("p", p.dup('f'), "q", q.dup()));
      }
    }
    assertThat(p.norm2Number().doubleValue() + q.norm2Number().doubleValue())
        .isLessThan(before / 2);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void step_byAnUnknownWeight_namesIt(boolean own) {
    Optimizer optimizer = own ? Optimizer.adam(1) : Optimizer.of(new Sgd(1));
    INDArray one = Nd4j.createFromArray(1f);
    try (Optimizer.Run run = optimizer.start(Map.of("p", one))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> run.step(Map.of("q", Nd4j.createFromArray(1f))))
          .withMessage("no weight is named q");
    }
  }

  private static float[] floats(double... values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
