package org.diffusion4j.training;

import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A batch that a model is trained on.
 *
 * @param x0 clean samples, FLOAT {@code [n, sampleShape...]}
 * @param noise that is to be found in the noisy samples, of the same shape
 * @param xt noisy samples, of the same shape
 * @param t timestep of each sample, {@code [n]}, in [0, T-1]
 * @param schedule what the timesteps refer to
 * @param prediction what the model's output stands for
 */
public record NoisyBatch(
    INDArray x0,
    INDArray noise,
    INDArray xt,
    int[] t,
    NoiseSchedule schedule,
    Prediction prediction) {}
