package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What calls leave behind, and what of the caller's they touch. */
class EngineStateTest {

  private final SameDiffDenoiser model =
      new SameDiffDenoiser(
          OwnGraphs.everything().get(),
          new long[] {6},
          NoiseSchedule.linear(100),
          Prediction.SAMPLE);

  private static INDArray samples(int n) {
    return PlanAndSession.gaussian(new Random(n), n, 6);
  }

  private static INDArray times(int n) {
    return PlanAndSession.times(new Random(n), n).reshape(n);
  }

  @Test
  void gradients_ofManyBatchSizes_leaveTheCopyOfTheGraphAsItWas() {
    List<String> names = List.copyOf(model.parameters().keySet());
    try (GraphRunner runner = new GraphRunner(OwnGraphs.everything().get())) {
      SameDiff copy = runner.scratch();
      int ops = copy.getOps().size();
      int variables = copy.variables().size();
      for (int n = 1; n <= 6; n++) {
        Map<String, INDArray> inputs =
            Map.of(Graphs.SAMPLE, samples(n), Graphs.TIMESTEP, times(n).reshape(n, 1));
        runner.gradients(inputs, samples(n), names).close();
      }
      assertThat(runner.isPlanned()).isTrue();
      assertThat(copy.getOps()).hasSize(ops);
      assertThat(copy.variables()).hasSize(variables);
    }
  }

  @Test
  void predict_withinAWorkspaceOfTheCaller_returnsAnArrayOfItsOwn() {
    INDArray x = samples(3);
    INDArray t = times(3);
    INDArray y;
    Gradients gradients;
    try (MemoryWorkspace scope = Nd4j.getWorkspaceManager().getAndActivateWorkspace("caller")) {
      y = model.predict(x, t, Condition.none());
      gradients = model.gradients(x, t, Condition.none(), x);
      assertThat(y.isAttached()).isFalse();
      assertThat(gradients.of().values()).noneMatch(INDArray::isAttached);
    }
    try (INDArray again = model.predict(x, t, Condition.none())) {
      assertThat(y).isEqualTo(again);
    }
    gradients.close();
    y.close();
  }

  @Test
  void gradients_inASession_printNothing() {
    PrintStream real = System.out;
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    PrintStream ours = new PrintStream(written, true, StandardCharsets.UTF_8);
    System.setOut(ours);
    try (SameDiffDenoiser session = PlanAndSession.inSession(EngineStateTest::mlp);
        Gradients gradients =
            session.gradients(samples(2), times(2), Condition.none(), samples(2))) {
      assertThat(gradients.of()).isNotEmpty();
      assertThat(System.out).isSameAs(ours);
    } finally {
      System.setOut(real);
    }
    assertThat(written.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  private static SameDiffDenoiser mlp() {
    return Mlp.create(new Mlp.Config(6, 4, 1), NoiseSchedule.linear(100), 1);
  }
}
