package org.diffusion4j.unet;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.samplers.ClassifierFreeGuidance;
import org.diffusion4j.samplers.DdimSampler;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.LearningRates;
import org.diffusion4j.training.Optimizer;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Sines of two frequencies and any phase, which are the classes. */
class SeriesTrainingTest {

  private static final int LENGTH = 16;
  private static final int STEPS = 250;

  private static SampleSource sines(int count) {
    Random random = new Random(1);
    float[][][] series = new float[count][1][LENGTH];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = i % 2;
      double phase = 2 * Math.PI * random.nextDouble();
      for (int t = 0; t < LENGTH; t++) {
        double angle = 2 * Math.PI * frequency(labels[i]) * t / LENGTH + phase;
        series[i][0][t] = (float) (0.8 * Math.sin(angle));
      }
    }
    return SampleSource.of(Nd4j.createFromArray(series), labels, 2);
  }

  private static int frequency(int label) {
    return 1 + 2 * label;
  }

  /** The share of a frequency in the power of a series, frequency 0 left out: mean. */
  private static double share(INDArray series, int frequency) {
    double shares = 0;
    int n = (int) series.size(0);
    for (int i = 0; i < n; i++) {
      double[] values = series.slice(i).ravel().toDoubleVector();
      double all = 0;
      double one = 0;
      for (int k = 1; k <= LENGTH / 2; k++) {
        double re = 0;
        double im = 0;
        for (int t = 0; t < LENGTH; t++) {
          re += values[t] * Math.cos(2 * Math.PI * k * t / LENGTH);
          im += values[t] * Math.sin(2 * Math.PI * k * t / LENGTH);
        }
        all += re * re + im * im;
        one += k == frequency ? re * re + im * im : 0;
      }
      shares += one / all / n;
    }
    return shares;
  }

  private static double share(Denoiser model, int label) {
    SamplingRequest request =
        SamplingRequest.builder(32).condition(Condition.label(label, 32)).seed(4).build();
    try (SamplingResult result = new DdimSampler(20).sample(model, request)) {
      return share(result.samples(), frequency(label));
    }
  }

  @Test
  void training_withDroppedLabels_learnsTheFrequencyOfEachClass() {
    UNet1d.Config config =
        UNet1d.Config.of(1, LENGTH, 16, 32).withLayersPerBlock(1).withClasses(2, true);
    try (UNet1d model = UNet1d.create(config, NoiseSchedule.cosine(200), Prediction.VELOCITY, 1)) {
      for (int label = 0; label < 2; label++) {
        assertThat(share(model, label)).as("untrained").isLessThan(0.3);
      }
      try (DiffusionTrainer trainer =
          DiffusionTrainer.builder(model)
              .optimizer(Optimizer.adam(LearningRates.cosine(3e-3, STEPS)))
              .labelDropout(0.2)
              .seed(2)
              .build()) {
        trainer.trainTo(SampleIterator.of(sines(512), 32).shuffle(3).build(), STEPS);
      }
      for (int label = 0; label < 2; label++) {
        assertThat(share(model, label)).as("trained").isGreaterThan(0.85);
        assertThat(share(ClassifierFreeGuidance.of(model, 2), label))
            .as("guided")
            .isGreaterThan(0.85);
      }
    }
  }
}
