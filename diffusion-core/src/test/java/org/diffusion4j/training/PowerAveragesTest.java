package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.unet.Mlp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Averages of any width that are put together after training: EDM2 (Karras et al. 2024). */
class PowerAveragesTest {

  @TempDir Path directory;

  private static SampleIterator data() {
    double[][] rows = new double[12][2];
    for (int i = 0; i < rows.length; i++) {
      rows[i][0] = (float) Math.sin(i);
      rows[i][1] = (float) Math.cos(3 * i);
    }
    return SampleIterator.of(SampleSource.ofVectors(rows), 4).shuffle(3).build();
  }

  private static Mlp mlp() {
    return Mlp.create(new Mlp.Config(2, 4, 1), NoiseSchedule.linear(50), 1);
  }

  private DiffusionTrainer trainer(Mlp model) {
    return DiffusionTrainer.builder(model)
        .optimizer(Optimizer.adam(0.01))
        .checkpoints(Checkpoints.in(directory).everySteps(12).averages(5))
        .build();
  }

  private static double[] weights(Mlp model) {
    List<Double> all = new ArrayList<>();
    for (INDArray weight : model.parameters().values()) {
      try (INDArray copy = weight.dup('c')) {
        for (float value : copy.data().asFloat()) {
          all.add((double) value);
        }
      }
    }
    return all.stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** What the average of a width is by definition. */
  private static double[] direct(List<double[]> history, double width) {
    double[] average = new double[history.get(0).length];
    for (int step = 1; step <= history.size(); step++) {
      double keep = PowerProfile.ofWidth(width, step).keep();
      for (int k = 0; k < average.length; k++) {
        average[k] = keep * average[k] + (1 - keep) * history.get(step - 1)[k];
      }
    }
    return average;
  }

  private static double distance(double[] a, double[] b) {
    double squares = 0;
    for (int k = 0; k < a.length; k++) {
      squares += (a[k] - b[k]) * (a[k] - b[k]);
    }
    return Math.sqrt(squares);
  }

  @Test
  void width_hasThePowerOfThePaper() {
    assertThat(PowerProfile.ofWidth(0.05, 1).gamma()).isCloseTo(16.97, within(0.005));
    assertThat(PowerProfile.ofWidth(0.1, 1).gamma()).isCloseTo(6.94, within(0.005));
  }

  @Test
  void product_isTheIntegral() {
    PowerProfile a = new PowerProfile(3, 2);
    PowerProfile b = new PowerProfile(1.5, 5);
    double sum = 0;
    int parts = 20_000;
    for (int i = 0; i < parts; i++) {
      double tau = 2 * (i + 0.5) / parts;
      sum += 4 * Math.pow(tau / 2, 3) / 2 * 2.5 * Math.pow(tau / 5, 1.5) / 5 * 2 / parts;
    }
    assertThat(a.product(b)).isCloseTo(sum, within(1e-6));
    assertThat(b.product(a)).isEqualTo(a.product(b));
  }

  @Test
  void factors_ofAKnownProfile_takeIt() {
    PowerProfile[] known = {
      PowerProfile.ofWidth(0.05, 50),
      PowerProfile.ofWidth(0.1, 100),
      PowerProfile.ofWidth(0.05, 100)
    };
    assertThat(known[1].from(known)).containsExactly(new double[] {0, 1, 0}, within(1e-9));
  }

  /** A path of one weight, which falls and trembles. */
  @Test
  void factors_ofAPath_giveItsAverage() {
    int steps = 2000;
    int every = 40;
    Random random = new Random(5);
    List<double[]> path = new ArrayList<>();
    List<PowerProfile> profiles = new ArrayList<>();
    List<Double> averages = new ArrayList<>();
    double[] state = new double[2];
    for (int step = 1; step <= steps; step++) {
      double weight = Math.exp(-3.0 * step / steps) + 0.3 * random.nextGaussian();
      path.add(new double[] {weight});
      for (int k = 0; k < 2; k++) {
        PowerProfile profile = PowerProfile.ofWidth(k == 0 ? 0.05 : 0.1, step);
        state[k] += (1 - profile.keep()) * (weight - state[k]);
        if (step % every == 0) {
          profiles.add(profile);
          averages.add(state[k]);
        }
      }
    }
    for (double width : new double[] {0.03, 0.07, 0.15, 0.2}) {
      double[] factors =
          PowerProfile.ofWidth(width, steps).from(profiles.toArray(PowerProfile[]::new));
      double sum = 0;
      for (int i = 0; i < factors.length; i++) {
        sum += factors[i] * averages.get(i);
      }
      assertThat(sum).as("width " + width).isCloseTo(direct(path, width)[0], within(2e-3));
    }
  }

  @Test
  void useAverage_ofAWidth_isTheAverageOfTheTraining() throws Exception {
    List<double[]> history = new ArrayList<>();
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model)) {
      trainer.train(
          data(),
          100,
          new TrainingListener() {
            @Override
            public void onStep(Step step) {
              history.add(weights(model));
            }
          });
      assertThat(Files.list(directory.resolve("averages"))).hasSize(40);
      double[] last = weights(model);
      for (double width : new double[] {0.07, 0.15}) {
        trainer.useAverage(width);
        double[] right = direct(history, width);
        assertThat(distance(weights(model), right)).isLessThan(0.02 * distance(last, right));
      }
    }
  }

  @Test
  void resumedTraining_hasTheSameAverage() throws Exception {
    double[] whole;
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model)) {
      trainer.train(data(), 22);
      trainer.useAverage(0.12);
      whole = weights(model);
    }
    Files.delete(directory.resolve("averages").resolve("step-00000020-0.safetensors"));
    Files.delete(directory.resolve("averages").resolve("step-00000020-1.safetensors"));
    deleteLater(directory.resolve("step-00000022"));
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model)) {
      assertThat(trainer.resume()).isEqualTo(12);
      trainer.trainTo(data(), 22);
      trainer.useAverage(0.12);
      assertThat(weights(model)).containsExactly(whole);
    }
  }

  private static void deleteLater(Path checkpoint) throws Exception {
    try (var files = Files.walk(checkpoint)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Test
  void badInput_isNamed() {
    assertThatThrownBy(() -> Checkpoints.in(directory).averages(0))
        .hasMessageContaining("steps between averages must be at least 1 but were 0");
    try (Mlp model = mlp();
        DiffusionTrainer without = DiffusionTrainer.builder(model).build();
        DiffusionTrainer trainer = trainer(model)) {
      assertThatThrownBy(() -> without.useAverage(0.1))
          .hasMessageContaining("was given no checkpoints with averages");
      assertThatThrownBy(() -> trainer.useAverage(0.1)).hasMessageContaining("no step was done");
      trainer.train(data(), 1);
      assertThatThrownBy(() -> trainer.useAverage(0.3))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("width of an average must be in [0.01, 0.28] but was 0.3");
    }
  }

  @Test
  void resume_ofACheckpointWithoutAverages_isRefused() {
    try (Mlp model = mlp();
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).checkpoints(Checkpoints.in(directory)).build()) {
      trainer.train(data(), 2);
    }
    try (Mlp model = mlp();
        DiffusionTrainer trainer = trainer(model)) {
      assertThatThrownBy(trainer::resume)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("which was written without them");
    }
  }
}
