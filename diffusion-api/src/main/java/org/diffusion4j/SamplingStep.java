package org.diffusion4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * One step of a sampler on one batch.
 *
 * @param first index of the batch's first sample within the request
 * @param index number of this step, from 0
 * @param steps number of steps in all
 * @param t the timestep that the denoiser was asked about, rounded where it was asked between two
 * @param x the samples after the step, {@code [batch, sampleShape...]}; valid only during the call
 * @param x0 the clean samples predicted in this step, of the same shape; valid only during the call
 */
public record SamplingStep(int first, int index, int steps, int t, INDArray x, INDArray x0) {}
