package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.unet.Mlp;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/** Checkpoints of graphs of one's own, and of models that were loaded. */
class OwnGraphCheckpointsTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(50);

  @TempDir private Path directory;

  private static SameDiffDenoiser graph(int constants) {
    SameDiff sd = SameDiff.create();
    SDVariable x = sd.placeHolder("sample", DataType.FLOAT, -1, 2);
    SDVariable t = sd.placeHolder("timestep", DataType.FLOAT, -1, 1);
    Random random = new Random(5);
    SDVariable h = sd.concat(1, x, t.mul(0.02)).mmul(weight(sd, "in", random, 3, 8));
    h = sd.math().tanh(h.add(weight(sd, "bias", random, 8)));
    if (constants > 0) {
      h = h.add(sd.constant("table", Nd4j.zeros(DataType.FLOAT, constants)).mean());
    }
    sd.identity("output", h.mmul(weight(sd, "out", random, 8, 2)));
    return new SameDiffDenoiser(sd, new long[] {2}, SCHEDULE, Prediction.EPSILON);
  }

  private static SDVariable weight(SameDiff sd, String name, Random random, long... shape) {
    INDArray values = Nd4j.create(DataType.FLOAT, shape);
    for (long i = 0; i < values.length(); i++) {
      values.putScalar(i, 0.4f * random.nextGaussian());
    }
    return sd.var(name, values);
  }

  private static DataSetIterator data() {
    double[][] rows = new double[20][2];
    for (int i = 0; i < rows.length; i++) {
      rows[i][0] = Math.sin(i);
      rows[i][1] = Math.cos(3 * i);
    }
    return SampleIterator.of(SampleSource.ofVectors(rows), 4).shuffle(3).build();
  }

  private DiffusionTrainer trainer(SameDiffDenoiser model) {
    return DiffusionTrainer.builder(model)
        .seed(9)
        .ema(0.9)
        .checkpoints(Checkpoints.in(directory.resolve("checkpoints")).everySteps(5))
        .build();
  }

  private static Map<String, INDArray> copies(Map<String, INDArray> weights) {
    Map<String, INDArray> copies = new TreeMap<>();
    weights.forEach((name, weight) -> copies.put(name, weight.dup()));
    return copies;
  }

  private Path checkpoint(int step) {
    return directory.resolve("checkpoints").resolve(String.format("step-%08d", step));
  }

  @Test
  void checkpoint_ofAGraph_isAModelDirectoryAndIsResumedBitByBit() throws IOException {
    Map<String, INDArray> expected;
    try (SameDiffDenoiser model = graph(0);
        DiffusionTrainer trainer = DiffusionTrainer.builder(model).seed(9).ema(0.9).build()) {
      trainer.train(data(), 12, TrainingListener.NONE);
      expected = copies(model.weights());
    }
    Map<String, INDArray> average;
    try (SameDiffDenoiser model = graph(0);
        DiffusionTrainer trainer = trainer(model)) {
      trainer.train(data(), 10, TrainingListener.NONE);
      trainer.useAverage();
      average = copies(model.weights());
    }
    try (PretrainedModel loaded = PretrainedModel.load(checkpoint(10))) {
      assertThat(loaded.model().weights()).isEqualTo(average);
      assertThat(loaded.provenance().facts()).containsEntry("steps", "10");
      // The graph of the checkpoint is trained as well as the one that it was made from.
      try (DiffusionTrainer trainer = trainer(loaded.model())) {
        assertThat(trainer.resume()).isEqualTo(10);
        trainer.train(data(), 2, TrainingListener.NONE);
        assertThat(loaded.model().weights()).isEqualTo(expected);
      }
    }
  }

  @Test
  void checkpoint_ofAGraphThatCannotBeWritten_isResumedAllTheSame() throws IOException {
    try (SameDiffDenoiser model = graph(4_000_000);
        DiffusionTrainer trainer = trainer(model)) {
      trainer.train(data(), 5, TrainingListener.NONE);
    }
    assertThat(checkpoint(5).resolve("model_index.json")).doesNotExist();
    try (SameDiffDenoiser model = graph(4_000_000);
        DiffusionTrainer trainer = trainer(model)) {
      assertThat(trainer.resume()).isEqualTo(5);
    }
  }

  @Test
  void checkpoint_ofALoadedModel_keepsItsSchedulersSettings() throws IOException {
    SchedulerConfig clipping =
        SchedulerConfig.of(SCHEDULE, Prediction.EPSILON)
            .with("clip_sample", true)
            .with("clip_sample_range", 2.0);
    Path model = directory.resolve("model");
    try (SameDiffDenoiser made = new Mlp.Config(2, 8, 1).create(clipping, 3)) {
      PretrainedModel.of(made).save(model);
    }
    try (PretrainedModel loaded = PretrainedModel.load(model);
        DiffusionTrainer trainer = trainer(loaded.model())) {
      assertThat(loaded.scheduler().settings()).containsAllEntriesOf(clipping.settings());
      trainer.train(data(), 5, TrainingListener.NONE);
      PretrainedModel.of(loaded.model()).save(directory.resolve("trained"));
    }
    for (Path trained : new Path[] {checkpoint(5), directory.resolve("trained")}) {
      try (PretrainedModel loaded = PretrainedModel.load(trained)) {
        assertThat(loaded.scheduler().settings()).containsAllEntriesOf(clipping.settings());
      }
    }
  }
}
