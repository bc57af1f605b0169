package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.nd4j.linalg.api.ndarray.INDArray;

/** That losses may use the library, which runs them on its own threads. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CallbacksTest {

  private static final int BATCH = 8;

  private final UNet student = unet(1);
  private final UNet teacher = unet(2);
  private final INDArray x = PlanAndSession.gaussian(new Random(1), BATCH, 1, 8, 8);
  private final INDArray t = PlanAndSession.times(new Random(1), BATCH).reshape(BATCH);

  private static UNet unet(long seed) {
    return UNet.create(Architectures.tiny().build(), NoiseSchedule.linear(100), seed);
  }

  @AfterEach
  void close() {
    student.close();
    teacher.close();
  }

  private float[] prediction(UNet model, int n) {
    try (INDArray xs = PlanAndSession.gaussian(new Random(n), n, 1, 8, 8);
        INDArray ts = PlanAndSession.times(new Random(n), n).reshape(n);
        INDArray y = model.predict(xs, ts, Condition.none())) {
      return y.data().asFloat();
    }
  }

  private static double squaredError(float[] output, float[] target, float[] gradient) {
    double sum = 0;
    for (int i = 0; i < output.length; i++) {
      gradient[i] = 2 * (output[i] - target[i]);
      sum += (double) (output[i] - target[i]) * (output[i] - target[i]);
    }
    return sum;
  }

  /** The loss against what a model predicts, which is asked from within the loss. */
  private SampleLoss against(UNet model) {
    return (i, output, gradient) -> squaredError(output, prediction(model, 1 + i % 3), gradient);
  }

  private double loss(UNet model, SampleLoss loss) {
    try (Gradients gradients = model.gradients(x, t, Condition.none(), loss)) {
      return gradients.loss();
    }
  }

  private double lossOfTargets(UNet model, UNet target) {
    List<float[]> targets = IntStream.range(1, 4).mapToObj(n -> prediction(target, n)).toList();
    return loss(model, (i, output, gradient) -> squaredError(output, targets.get(i % 3), gradient));
  }

  @Test
  void gradients_whoseLossAsksAnotherModel_isThatOfItsPredictions() {
    double loss = loss(student, against(teacher));
    assertThat(loss).isEqualTo(lossOfTargets(student, teacher));
  }

  @Test
  void gradients_whoseLossAsksTheSameModel_isThatOfItsPredictions() {
    double loss = loss(student, against(student));
    assertThat(loss).isEqualTo(lossOfTargets(student, student));
  }

  @Test
  void gradients_whoseLossAsksForGradientsAndSamples_works() {
    double loss =
        loss(
            student,
            (i, output, gradient) -> {
              try (INDArray samples = new DdimSampler(1).sample(teacher, 1)) {
                return squaredError(output, samples.data().asFloat(), gradient)
                    + loss(teacher, against(student));
              }
            });
    assertThat(loss).isFinite();
  }

  @Test
  void gradients_ofTwoModelsThatAskEachOtherInManyThreads_end() {
    List<CompletableFuture<Double>> all =
        IntStream.range(0, 6)
            .mapToObj(
                i ->
                    CompletableFuture.supplyAsync(
                        () ->
                            i % 2 == 0
                                ? loss(student, against(teacher))
                                : loss(teacher, against(student)),
                        task -> new Thread(task).start()))
            .toList();
    double first = lossOfTargets(student, teacher);
    double second = lossOfTargets(teacher, student);
    for (int i = 0; i < all.size(); i++) {
      assertThat(all.get(i).join()).isEqualTo(i % 2 == 0 ? first : second);
    }
  }

  @Test
  void gradients_whoseLossWaitsForAThreadThatAsks_end() {
    double loss =
        loss(
            student,
            (i, output, gradient) ->
                squaredError(
                    output,
                    CompletableFuture.supplyAsync(
                            () -> prediction(teacher, 1 + i % 3), task -> new Thread(task).start())
                        .orTimeout(200, TimeUnit.SECONDS)
                        .join(),
                    gradient));
    assertThat(loss).isEqualTo(lossOfTargets(student, teacher));
  }

  @Test
  void close_byALossOfTheModelThatRuns_isRefused() {
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                loss(
                    student,
                    (i, output, gradient) -> {
                      student.close();
                      return 0;
                    }))
        .withMessage("a model must not be closed by a callback while it runs");
    assertThat(prediction(student, 1)).hasSize(64);
  }
}
