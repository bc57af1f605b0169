package org.diffusion4j.spark;

import java.io.IOException;
import java.io.Serializable;
import org.diffusion4j.data.SampleSource;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.SameDiffDenoiser;

/**
 * Makes a model and its trainer on an executor, where they cannot be sent. It must make the same on
 * all: the first exchange compares the weights and the settings.
 */
public interface ToTrain extends Serializable {

  /**
   * The model with its initial weights; it is closed after the training.
   *
   * @throws IOException if it cannot be read
   */
  SameDiffDenoiser model() throws IOException;

  /**
   * The trainer's settings: optimizer, loss, clipping, average, dropout, validation, seed. The
   * number of batches, the checkpoints and the processes are set by the training.
   *
   * @param builder of a trainer of the model
   * @param data the training data, for what depends on them
   * @return the builder
   */
  default DiffusionTrainer.Builder settings(DiffusionTrainer.Builder builder, SampleSource data) {
    return builder;
  }
}
