package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Our network with random images and texts, used like in an application. */
final class OurNetwork implements AutoCloseable {

  private static final int TIMESTEPS = 1000;
  private static final double LEARNING_RATE = 2e-4;

  private final SameDiffDenoiser model;
  private final Denoiser denoiser;
  private final INDArray pictures;
  private final INDArray timesteps;
  private final Condition condition;
  private final SampleIterator data;
  private @Nullable DiffusionTrainer trainer;

  /** A network that is trained, or predicts. */
  OurNetwork(Net net, int batch, ComputeType precision) {
    this(
        net.config().create(NoiseSchedule.linear(TIMESTEPS), Prediction.EPSILON, 1),
        net,
        batch,
        precision);
  }

  /** A network that only predicts, with the weights of a directory. */
  OurNetwork(Path directory, Net net, int batch, ComputeType precision) throws IOException {
    this(
        PretrainedModel.loadFrozenNetwork(
            directory, SchedulerConfig.of(NoiseSchedule.linear(TIMESTEPS), Prediction.EPSILON)),
        net,
        batch,
        precision);
  }

  private OurNetwork(SameDiffDenoiser model, Net net, int batch, ComputeType precision) {
    this.model = model;
    denoiser = precision.of(model);
    Random random = new Random(1);
    float[] t = new float[batch];
    for (int i = 0; i < batch; i++) {
      t[i] = random.nextInt(TIMESTEPS);
    }
    pictures = pictures(net, batch);
    timesteps = Nd4j.createFromArray(t);
    condition =
        net.takesText()
            ? Condition.embeddings(Nd4j.randn(batch, Net.TOKENS, Net.TEXT_WIDTH))
            : Condition.none();
    data = SampleIterator.of(SampleSource.of(pictures), batch).build();
  }

  /** Random images for a network. */
  static INDArray pictures(Net net, int count) {
    Random random = new Random(2);
    long[] shape = {count, net.channels(), net.size(), net.size()};
    float[] values = new float[count * net.channels() * net.size() * net.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return Nd4j.create(values, shape, 'c');
  }

  long parameterCount() {
    return model.parameterCount();
  }

  /** The estimated memory of a prediction in MB, without the weights. */
  long foreseenMb() {
    return model.predictionBytes((int) pictures.size(0)).orElse(0) >> 20;
  }

  /** Predicts a batch. */
  void predict() {
    denoiser.predict(pictures, timesteps, condition).close();
  }

  /** Training steps on the whole batch, each with new noise and timesteps. */
  void train(int steps, TrainingListener listener) {
    if (trainer == null) {
      trainer = DiffusionTrainer.builder(model).optimizer(Optimizer.adam(LEARNING_RATE)).build();
    }
    trainer.train(data, steps, listener);
  }

  @Override
  public void close() {
    if (trainer != null) {
      trainer.close();
    }
    pictures.close();
    timesteps.close();
    model.close();
  }
}
