package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.graph.Precision;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

class Bfloat16Test {

  private final UNet model =
      UNet.create(Architectures.tiny().build(), NoiseSchedule.linear(100), 1);

  @Test
  void inBfloat16_isNearFloat_orRefusedByTheProcessor() {
    if (!CpuEngine.isFast(Precision.BFLOAT16)) {
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(model::inBfloat16)
          .withMessageContaining("AVX512-BF16");
      return;
    }
    Denoiser narrow = model.inBfloat16();
    INDArray x = PlanAndSession.gaussian(new Random(1), 3, 1, 8, 8);
    INDArray t = PlanAndSession.times(new Random(1), 3).reshape(3);
    try (INDArray full = model.predict(x, t, Condition.none());
        INDArray half = narrow.predict(x, t, Condition.none())) {
      double error = PlanAndSession.error(half, full);
      assertThat(error).isBetween(1e-5, 0.1);
    }
    assertThat(narrow.sampleShape()).isEqualTo(model.sampleShape());
  }

  @Test
  void inBfloat16_ofAModelThatLearnsTheVariance_saysSo() {
    try (UNet wide =
        UNet.create(Architectures.tiny().outChannels(2).build(), NoiseSchedule.linear(100), 1)) {
      Assumptions.assumeTrue(CpuEngine.isFast(Precision.BFLOAT16));
      assertThat(wide.inBfloat16().learnsVariance()).isTrue();
      assertThat(model.inBfloat16().learnsVariance()).isFalse();
    }
  }

  @Test
  void gradientBytes_areMoreThanPredictionBytes() {
    assertThat(model.gradientBytes(4).orElseThrow())
        .isGreaterThan(model.predictionBytes(4).orElseThrow());
  }
}
