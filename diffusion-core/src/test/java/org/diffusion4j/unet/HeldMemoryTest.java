package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

class HeldMemoryTest {

  private static UNet model() {
    var config = UNetConfig.builder(1, 8, 8).blockOutChannels(8, 16).normGroups(4).build();
    return UNet.create(config, NoiseSchedule.cosine(100), 1);
  }

  private static void predict(UNet model, int n) {
    Random random = new Random(n);
    try (INDArray x = PlanAndSession.gaussian(random, n, 1, 8, 8);
        INDArray t = PlanAndSession.times(random, n).reshape(n)) {
      model.predict(x, t, Condition.none()).close();
    }
  }

  @Test
  void weightBytes_areFourForEachParameter_andNoneOnceClosed() {
    UNet model = model();
    assertThat(model.weightBytes()).isEqualTo(4 * model.parameterCount()).isPositive();
    model.close();
    assertThat(model.weightBytes()).isZero();
  }

  /** What the first call leaves is what it was said to take. */
  @Test
  void planBytes_afterTheFirstCall_areThePredictionsOfIt() {
    try (UNet model = model()) {
      assertThat(model.planBytes()).isZero();
      predict(model, 5);
      assertThat(model.planBytes()).isEqualTo(model.predictionBytes(5).orElseThrow()).isPositive();
    }
  }

  @Test
  void planBytes_ofEqualCalls_stayTheSame() {
    try (UNet model = model()) {
      predict(model, 4);
      long first = model.planBytes();
      predict(model, 4);
      assertThat(model.planBytes()).isEqualTo(first);
      predict(model, 9);
      assertThat(model.planBytes()).isGreaterThan(first);
    }
  }

  /** A cache of sixteen plans forgets the workspaces of those that go. */
  @Test
  void planBytes_ofManyBatchSizes_areThoseOfThePlansThatAreKept() {
    try (UNet model = model()) {
      for (int n = 1; n <= 40; n++) {
        predict(model, n);
      }
      long all = model.planBytes();
      for (int n = 1; n <= 40; n++) {
        predict(model, n);
      }
      assertThat(model.planBytes()).isEqualTo(all);
    }
  }

  @Test
  void planBytes_onceClosed_areNone() {
    UNet model = model();
    predict(model, 3);
    model.close();
    assertThat(model.planBytes()).isZero();
  }
}
