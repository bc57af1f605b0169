package org.diffusion4j.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.autoencoder.AutoencoderKL.Moments;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Loss;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class AutoencoderTrainingTest {

  private static final int SIZE = 16;
  private static final AutoencoderKL.Config CONFIG =
      AutoencoderKL.Config.of(
          AutoencoderBlocks.of(1, 2, 4, List.of(8, 16)).withMidAttention(false), SIZE);
  private static final Loss LOSS = AutoencoderTraining.loss(CONFIG, 1e-4);

  /** Bright rectangles on dark ground. */
  private static SampleSource rectangles(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count * SIZE * SIZE];
    Arrays.fill(values, -1);
    for (int i = 0; i < count; i++) {
      int top = random.nextInt(SIZE - 4);
      int left = random.nextInt(SIZE - 4);
      int height = 4 + random.nextInt(SIZE - 3 - top);
      int width = 4 + random.nextInt(SIZE - 3 - left);
      float shade = random.nextFloat();
      for (int y = top; y < Math.min(SIZE, top + height); y++) {
        for (int x = left; x < Math.min(SIZE, left + width); x++) {
          values[(i * SIZE + y) * SIZE + x] = shade;
        }
      }
    }
    return SampleSource.of(Nd4j.create(values, new long[] {count, 1, SIZE, SIZE}, 'c'));
  }

  private static INDArray images(int count) throws IOException {
    SampleSource source = rectangles(count, 9);
    float[] all = new float[count * SIZE * SIZE];
    float[] one = new float[SIZE * SIZE];
    for (int i = 0; i < count; i++) {
      source.read(i, one);
      System.arraycopy(one, 0, all, i * one.length, one.length);
    }
    return Nd4j.create(all, new long[] {count, 1, SIZE, SIZE}, 'c');
  }

  private static SampleIterator batches(SampleSource source) {
    return SampleIterator.of(source, 8).shuffle(3).build();
  }

  private static DiffusionTrainer.Builder trainer(SameDiffDenoiser model) {
    return DiffusionTrainer.builder(model)
        .loss(LOSS)
        .optimizer(Optimizer.adam(4e-3))
        .maxGradientNorm(1)
        .seed(5);
  }

  private static double error(Autoencoder autoencoder, INDArray images) {
    try (INDArray latents = autoencoder.encode(images);
        INDArray decoded = autoencoder.decode(latents)) {
      return distanceSquared(decoded, images);
    }
  }

  private static double distanceSquared(INDArray a, INDArray b) {
    double norm = a.sub(b).norm2Number().doubleValue();
    return norm * norm / a.length();
  }

  @Test
  void trained_reconstructsNewImages() throws IOException {
    INDArray unseen = images(32);
    List<Double> validated = new ArrayList<>();
    try (AutoencoderKL autoencoder = AutoencoderKL.create(CONFIG, 1);
        SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, SIZE, SIZE);
        DiffusionTrainer trainer =
            trainer(model)
                .ema(0.97)
                .validation(SampleIterator.of(rectangles(32, 9), 32).build(), 75)
                .build()) {
      double before = error(autoencoder, unseen);
      trainer.train(
          batches(rectangles(256, 1)),
          150,
          new TrainingListener() {
            @Override
            public void onStep(Step step) {}

            @Override
            public void onValidation(long step, double loss) {
              validated.add(loss);
            }
          });
      trainer.useAverage();
      AutoencoderTraining.copyWeights(model, autoencoder);
      double after = error(autoencoder, unseen);
      assertThat(before).isGreaterThan(0.5);
      assertThat(after).isLessThan(0.05);
      assertThat(validated).hasSize(2);
      assertThat(validated.get(1)).isLessThan(validated.get(0)).isGreaterThanOrEqualTo(after);
    }
  }

  @Test
  void resumed_endsWithTheSameWeights(@TempDir Path folder) throws IOException {
    List<float[]> whole = train(folder.resolve("whole"), 6, 6);
    assertThat(train(folder.resolve("parts"), 3, 6)).usingRecursiveComparison().isEqualTo(whole);
  }

  /** Trains with an interruption by a new process, which reads the checkpoint. */
  private static List<float[]> train(Path folder, int first, int steps) throws IOException {
    try (AutoencoderKL autoencoder = AutoencoderKL.create(CONFIG, 1)) {
      for (int end : new int[] {first, steps}) {
        try (SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, SIZE, SIZE);
            SampleIterator data = batches(rectangles(32, 1));
            DiffusionTrainer trainer =
                trainer(model)
                    .ema(0.9)
                    .checkpoints(Checkpoints.in(folder).everySteps(first))
                    .build()) {
          trainer.resume();
          trainer.trainTo(data, end);
          if (end == steps) {
            return model.weights().values().stream().map(FloatArrays::of).toList();
          }
        }
      }
      throw new AssertionError();
    }
  }

  @Test
  void model_drawsLatentsInTrainingOnly() throws IOException {
    INDArray x = images(3);
    INDArray t = Nd4j.zeros(3);
    try (AutoencoderKL autoencoder = AutoencoderKL.create(CONFIG, 1);
        SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, SIZE, SIZE)) {
      KlLoss loss = (KlLoss) LOSS;
      double mode = loss(model, x, t, null);
      assertThat(loss(model, x, t, null)).isEqualTo(mode);
      double drawn = loss(model, x, t, new Dropout(7, 0));
      assertThat(drawn).isNotCloseTo(mode, within(1e-4));
      assertThat(loss(model, x, t, new Dropout(7, 0))).isEqualTo(drawn);
      assertThat(loss(model, x, t, new Dropout(8, 0))).isNotCloseTo(drawn, within(1e-4));
      INDArray output = model.predict(x, t, Condition.none());
      try (Moments moments = autoencoder.moments(x)) {
        int latents = 2 * SIZE / 2 * SIZE / 2;
        int all = SIZE * SIZE + 2 * latents;
        assertThat(output.shape()).containsExactly(3, all);
        INDArray decoded = autoencoder.decode(moments.mean());
        float[] values = FloatArrays.of(output);
        for (int i = 0; i < 3; i++) {
          float[] own = Arrays.copyOfRange(values, i * all, (i + 1) * all);
          assertSame(decoded.slice(i), own, 0);
          assertSame(moments.mean().slice(i), own, SIZE * SIZE);
          assertSame(moments.logVariance().slice(i), own, SIZE * SIZE + latents);
        }
      }
      assertThat(model.predictionBytes(4)).isPresent();
      assertThat(loss.of(x)).isNotNull();
    }
  }

  private static void assertSame(INDArray expected, float[] values, int from) {
    int length = (int) expected.length();
    INDArray actual = Nd4j.createFromArray(Arrays.copyOfRange(values, from, from + length));
    assertThat(distance(actual, expected.dup('c').reshape(length))).isLessThan(2e-5);
  }

  private static double loss(SameDiffDenoiser model, INDArray x, INDArray t, Dropout step) {
    Condition none = Condition.none();
    try (Gradients gradients =
        step == null
            ? model.gradients(x, t, none, ((KlLoss) LOSS).of(x))
            : model.gradients(x, t, none, ((KlLoss) LOSS).of(x), step)) {
      return gradients.loss();
    }
  }

  @Test
  void oddSizes_areTrainedToo() {
    AutoencoderBlocks blocks = AutoencoderBlocks.of(1, 1, 2, List.of(2, 4));
    AutoencoderKL.Config config = AutoencoderKL.Config.of(blocks, 7);
    SampleSource source = SampleSource.of(Nd4j.rand(8, 1, 7, 5));
    try (AutoencoderKL autoencoder = AutoencoderKL.create(config, 1);
        SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, 7, 5);
        DiffusionTrainer trainer =
            DiffusionTrainer.builder(model).loss(AutoencoderTraining.loss(config, 0)).build()) {
      trainer.train(SampleIterator.of(source, 4).build(), 2);
      assertThat(trainer.steps()).isEqualTo(2);
    }
  }

  @Test
  void badInput_isRefused() {
    try (AutoencoderKL autoencoder = AutoencoderKL.create(CONFIG, 1);
        SameDiffDenoiser model = AutoencoderTraining.model(autoencoder, SIZE, SIZE)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> AutoencoderTraining.model(autoencoder, 1, SIZE))
          .withMessage("height and width must be at least 2 but were 1 x 16");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> AutoencoderTraining.loss(CONFIG, -1))
          .withMessage("KL weight must be at least 0 and finite but was -1.0");
      AutoencoderKL.Config other =
          AutoencoderKL.Config.of(AutoencoderBlocks.of(1, 3, 4, List.of(8, 16)), SIZE);
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> {
                try (AutoencoderKL wrong = AutoencoderKL.create(other, 1)) {
                  AutoencoderTraining.copyWeights(model, wrong);
                }
              })
          .withMessageContaining("weights must be those of an autoencoder of the same");
      SampleIterator data = batches(rectangles(8, 1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DiffusionTrainer.builder(model).build().train(data, 1))
          .withMessageContaining("outputs must have 256 values per sample but had 512");
    }
  }

  @Test
  void toString_namesTheWeightOfTheDivergence() {
    assertThat(LOSS).hasToString("autoencoder(klWeight=1.0E-4)");
  }
}
