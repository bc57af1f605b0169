package org.diffusion4j.benchmarks;

import java.util.OptionalLong;
import java.util.Random;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.InMemorySamples;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.training.Optimizer;
import org.diffusion4j.unet.UNet;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Our U-Net, used as an application uses it, on random pictures. */
final class OurNetwork implements AutoCloseable {

  private static final int TIMESTEPS = 1000;
  private static final double LEARNING_RATE = 2e-4;

  private final UNet model;
  private final Denoiser denoiser;
  private final INDArray pictures;
  private final INDArray timesteps;
  private final SampleIterator data;
  private @Nullable DiffusionTrainer trainer;

  OurNetwork(Net net, int batch, Precision precision) {
    model = UNet.create(net.config(), NoiseSchedule.linear(TIMESTEPS), 1);
    denoiser = precision.of(model);
    Random random = new Random(1);
    long[] shape = {batch, net.channels(), net.size(), net.size()};
    float[] values = new float[batch * net.channels() * net.size() * net.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    float[] t = new float[batch];
    for (int i = 0; i < batch; i++) {
      t[i] = random.nextInt(TIMESTEPS);
    }
    pictures = Nd4j.create(values, shape, 'c');
    timesteps = Nd4j.createFromArray(t);
    data = SampleIterator.of(InMemorySamples.of(pictures), batch).build();
  }

  long parameterCount() {
    return model.parameterCount();
  }

  /** What a step is foreseen to take beyond the weights, in MB. */
  long foreseenMb(Mode mode) {
    int batch = (int) pictures.size(0);
    OptionalLong bytes =
        mode == Mode.INFER ? model.predictionBytes(batch) : model.gradientBytes(batch);
    return bytes.orElse(0) >> 20;
  }

  /** A prediction of one batch. */
  void predict() {
    denoiser.predict(pictures, timesteps, Condition.none()).close();
  }

  /** Training steps, each on the whole batch with noise and timesteps of its own. */
  void train(int steps, TrainingListener listener) {
    if (trainer == null) {
      trainer = DiffusionTrainer.builder(model).optimizer(Optimizer.adam(LEARNING_RATE)).build();
    }
    trainer.train(data, steps, listener);
  }

  /** A prediction or a training step. */
  void step(Mode mode) {
    switch (mode) {
      case INFER -> predict();
      case TRAIN -> train(1, TrainingListener.NONE);
    }
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
