package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.diffusion4j.unet.UNetConfig.Block;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;

class PlanWeightsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(100);

  private static UNet unet() {
    UNetConfig.Builder attention =
        Architectures.tiny().downBlocks(Block.PLAIN, Block.ATTENTION).classes(3);
    return UNet.create(attention.build(), SCHEDULE, 1);
  }

  private static INDArray samples(int seed, int n) {
    return PlanAndSession.gaussian(new Random(seed), n, 1, 8, 8);
  }

  private static INDArray times(int n) {
    return PlanAndSession.times(new Random(n), n).reshape(n);
  }

  private static Condition labels(int n) {
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      labels[i] = i % 3;
    }
    return Condition.labels(labels);
  }

  private static INDArray predict(UNet model, int seed, int n) {
    return model.predict(samples(seed, n), times(n), labels(n));
  }

  private static Gradients gradients(UNet model, int seed, int n) {
    return model.gradients(samples(seed, n), times(n), labels(n), samples(100 + seed, n));
  }

  private static Map<String, INDArray> copy(Map<String, INDArray> arrays) {
    Map<String, INDArray> copies = new HashMap<>();
    arrays.forEach((name, array) -> copies.put(name, array.dup()));
    return copies;
  }

  @Test
  void predict_afterWritingAnyWeight_usesIt() {
    Set<String> kinds = new HashSet<>();
    try (UNet model = unet()) {
      for (String name : model.parameters().keySet()) {
        INDArray before = predict(model, 1, 3);
        INDArray weight = model.parameters().get(name);
        weight.addi(PlanAndSession.gaussian(new Random(2), weight.shape()).muli(0.25));
        INDArray after = predict(model, 1, 3);
        // Softmax takes no notice of what is added to all scores of a query.
        if (!name.endsWith("to_k.bias")) {
          assertThat(PlanAndSession.error(after, before)).as(name).isGreaterThan(1e-4);
        }
        // A model that had the weights from the beginning gives the same bits.
        if (kinds.add(kind(name))) {
          try (UNet fresh = unet()) {
            fresh.parameters().forEach((n, p) -> p.assign(model.parameters().get(n)));
            assertThat(predict(fresh, 1, 3)).as(name).isEqualTo(after);
          }
        }
      }
    }
    assertThat(kinds).hasSizeBetween(20, 60);
  }

  /** Weights of one kind have the same name in blocks of the same class. */
  private static String kind(String name) {
    return name.replaceAll("\\b\\d+\\.", "").replaceAll("^(down|up|mid)_blocks?\\.", "");
  }

  @Test
  void predict_afterWritingIntoArraysKept_usesThemOnceAskedForAgain() {
    try (UNet model = unet();
        UNet other = unet()) {
      Map<String, INDArray> kept = model.parameters();
      INDArray before = predict(model, 1, 2);
      kept.values().forEach(p -> p.muli(1.5));
      assertThat(model.parameters()).isSameAs(kept);
      other.parameters().values().forEach(p -> p.muli(1.5));
      INDArray expected = predict(other, 1, 2);
      assertThat(predict(model, 1, 2)).isEqualTo(expected).isNotEqualTo(before);
      try (Gradients actual = gradients(model, 1, 2);
          Gradients same = gradients(other, 1, 2)) {
        assertThat(actual.of()).isEqualTo(same.of());
      }
    }
  }

  @Test
  void predict_afterTraining_isThatOfTheTrainedWeights() {
    try (UNet model = unet();
        UNet other = unet();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).optimizer(Optimizer.adam(0.01)).build()) {
      INDArray before = predict(model, 1, 2);
      INDArray labels = Nd4j.eye(3).castTo(before.dataType());
      trainer.train(new ViewIterator(new DataSet(samples(2, 3), labels), 3), 2);
      INDArray after = predict(model, 1, 2);
      other.parameters().forEach((name, p) -> p.assign(model.parameters().get(name)));
      assertThat(after).isNotEqualTo(before).isEqualTo(predict(other, 1, 2));
    }
  }

  @Test
  void use_afterClose_isRefused() {
    UNet model = unet();
    predict(model, 1, 2).close();
    gradients(model, 1, 2).close();
    model.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> predict(model, 1, 2))
        .withMessage("the model is closed");
    assertThatIllegalStateException()
        .isThrownBy(() -> gradients(model, 1, 2))
        .withMessage("the model is closed");
    assertThatIllegalStateException()
        .isThrownBy(model::parameters)
        .withMessage("the model is closed");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void gradients_heldOpenDuringOtherCalls_stayAsTheyAre(int n) {
    try (UNet model = unet();
        Gradients held = gradients(model, 1, n)) {
      Map<String, INDArray> copy = copy(held.of());
      double loss = held.loss();
      for (int other : new int[] {n, 1, 2, 5, 9}) {
        predict(model, 2, other).close();
        gradients(model, 3, other).close();
      }
      model.parameters().values().forEach(p -> p.assign(0));
      gradients(model, 4, n).close();
      assertThat(held.of()).isEqualTo(copy);
      assertThat(held.loss()).isEqualTo(loss);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void gradients_openAtOnce_areThoseOfEachAlone(int n) {
    try (UNet model = unet()) {
      Map<String, INDArray> first;
      Map<String, INDArray> second;
      try (Gradients alone = gradients(model, 1, n)) {
        first = copy(alone.of());
      }
      try (Gradients alone = gradients(model, 2, n)) {
        second = copy(alone.of());
      }
      try (Gradients one = gradients(model, 1, n);
          Gradients two = gradients(model, 2, n)) {
        assertThat(one.of()).isEqualTo(first);
        assertThat(two.of()).isEqualTo(second).isNotEqualTo(first);
      }
    }
  }

  @Test
  void gradients_closedTwice_giveTheirMemoryBackOnce() {
    try (UNet model = unet()) {
      Gradients closed = gradients(model, 3, 2);
      closed.close();
      closed.close();
      try (Gradients one = gradients(model, 1, 2)) {
        Map<String, INDArray> copy = copy(one.of());
        try (Gradients two = gradients(model, 2, 2)) {
          assertThat(one.of()).isEqualTo(copy).isNotEqualTo(two.of());
        }
      }
    }
  }

  @Test
  void gradients_heldOpenWhenTheModelIsClosed_stayAndClose() {
    UNet model = unet();
    Gradients held = gradients(model, 1, 2);
    Map<String, INDArray> copy = copy(held.of());
    model.close();
    assertThat(held.of()).isEqualTo(copy);
    held.close();
  }
}
