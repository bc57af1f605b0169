package org.diffusion4j;

/**
 * One optimizer step.
 *
 * @param index number of this step since the trainer was made, from 0
 * @param epoch how often the data has been begun anew, from 0
 * @param batchSize number of samples in the batch
 * @param loss the batch's loss before the step
 * @param gradientNorm Euclidean norm of the gradient over all weights, before any clipping
 */
public record TrainingStep(
    long index, int epoch, int batchSize, double loss, double gradientNorm) {}
