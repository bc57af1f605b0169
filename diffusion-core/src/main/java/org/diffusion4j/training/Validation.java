package org.diffusion4j.training;

import java.util.random.RandomGenerator;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.engine.graph.Losses;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Measures the loss of validation data with the same timesteps and the same noise each time.
 *
 * @param data read from the beginning each time; a {@link SampleIterator} is read in the order of
 *     its first epoch
 * @param everySteps number of steps between validations
 */
record Validation(DataSetIterator data, int everySteps) {

  private static final long SEED = 0x5eed_0f_7a11dL;

  /** Always the same epoch, because epochs may be shuffled differently. */
  private static final SampleIterator.Position BEGINNING = new SampleIterator.Position(0, 0);

  Validation {
    if (everySteps < 1) {
      throw new IllegalArgumentException(
          "steps between validations must be at least 1 but were " + everySteps);
    }
    if (!data.resetSupported()) {
      throw new IllegalArgumentException("validation data must support reset");
    }
  }

  double loss(SameDiffDenoiser model, Loss loss, Corruption corruption, ForwardProcess process) {
    if (data instanceof SampleIterator resumable) {
      resumable.seek(BEGINNING);
    } else {
      data.reset();
    }
    double sum = 0;
    long samples = 0;
    for (int index = 0; data.hasNext(); index++) {
      try (Batch batch = Feed.take(data, next -> new Batch(next, model))) {
        int n = batch.size();
        RandomGenerator draws = Draws.at(SEED, index);
        int[] t = corruption.timesteps(draws, n, model.schedule());
        NoiseSource.Batch noise = NoiseSource.perSample(Draws.mix(SEED, index)).start().batch(0, n);
        try (Corruption.Noisy noisy = corruption.corrupt(process, batch.x0, t, noise)) {
          Loss.NoisyBatch noisyBatch =
              new Loss.NoisyBatch(
                  batch.x0, noisy.noise(), noisy.xt(), t, model.schedule(), model.prediction());
          Condition condition = corruption.condition(process, batch, draws, noise);
          sum += n * loss(model, loss.of(noisyBatch, condition), noisyBatch, condition);
          samples += n;
        }
      }
    }
    if (samples == 0) {
      throw new IllegalArgumentException("validation data must hold at least one batch");
    }
    return sum / samples;
  }

  private static double loss(
      SameDiffDenoiser model, SampleLoss loss, Loss.NoisyBatch batch, Condition condition) {
    float[] outputs;
    try (INDArray time = Nd4j.createFromArray(batch.times());
        INDArray output = model.predict(batch.xt(), time, condition)) {
      outputs = Floats.of(output);
    }
    Losses losses = new Losses(loss, batch.t().length);
    losses.askAll(outputs, new float[outputs.length]);
    return losses.sum();
  }
}
