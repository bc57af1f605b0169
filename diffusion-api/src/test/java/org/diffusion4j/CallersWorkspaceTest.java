package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What an application has set for itself in ND4J does not reach the arrays that we make. */
class CallersWorkspaceTest {

  private static final INDArray X = Batches.normal(1, DataType.FLOAT, 4, 3);
  private static final INDArray Y = Batches.normal(2, DataType.FLOAT, 4, 3);
  private static final ForwardProcess PROCESS = new ForwardProcess(NoiseSchedule.linear(100));

  private static final List<Supplier<INDArray>> MAKERS =
      List.of(
          () -> NoiseSource.perSample(3).start().batch(0, 4).next(4, 3),
          () -> NoiseSource.torch(3).start().batch(0, 4).next(4, 3),
          () -> NoiseSource.torch(3).start().batch(0, 4).next(4, 30),
          () -> PROCESS.noisy(X, Y, 1, 20, 50, 99),
          () -> PROCESS.velocity(X, Y, 1, 20, 50, 99),
          () -> PROCESS.posteriorMean(X, Y, 1, 20, 50, 99),
          () -> Prediction.EPSILON.x0(X, Y, 0.5),
          () -> Prediction.EPSILON.epsilon(X, Y, 0.5),
          () -> Prediction.SAMPLE.x0(X, Y, 0.5),
          () -> Prediction.VELOCITY.epsilon(X, Y, 0.5));

  @AfterEach
  void restoreTypes() {
    Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    Nd4j.getWorkspaceManager().destroyAllWorkspacesForCurrentThread();
  }

  @Test
  void arrays_outliveTheCallersWorkspace() {
    for (Supplier<INDArray> maker : MAKERS) {
      float[] expected = values(maker.get());
      INDArray array;
      try (MemoryWorkspace own = Nd4j.getWorkspaceManager().getAndActivateWorkspace("OWN")) {
        array = maker.get();
        assertThat(array.isAttached()).isFalse();
        assertThat(Nd4j.getMemoryManager().getCurrentWorkspace()).isSameAs(own);
      }
      assertThat(array.closeable()).isTrue();
      assertThat(values(array)).isEqualTo(expected);
    }
  }

  @Test
  void arrays_haveTheirTypeWhateverTheDefault() {
    for (Supplier<INDArray> maker : MAKERS) {
      float[] expected = values(maker.get());
      for (DataType type : List.of(DataType.DOUBLE, DataType.FLOAT16)) {
        Nd4j.setDefaultDataTypes(type, type);
        INDArray array = maker.get();
        assertThat(array.dataType()).isEqualTo(DataType.FLOAT);
        assertThat(values(array)).isEqualTo(expected);
      }
      Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
    }
  }

  private static float[] values(INDArray array) {
    try (array) {
      return array.dup('c').data().asFloat();
    }
  }
}
