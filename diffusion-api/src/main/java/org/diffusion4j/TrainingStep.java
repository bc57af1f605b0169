package org.diffusion4j;

import java.util.List;

/**
 * One optimizer step.
 *
 * @param index number of this step since training began, from 0
 * @param epoch how often the data has been begun anew, from 0
 * @param batchSize number of samples in the step
 * @param loss the step's loss before it
 * @param smoothedLoss exponential average of the losses, of which a step counts a fiftieth
 * @param lossByQuartile the same average of the samples whose timestep lies in the first, second,
 *     third and last quarter of the schedule; NaN where there was none yet
 * @param gradientNorm Euclidean norm of the gradient over all weights, before any clipping
 * @param learningRate of this step
 * @param samplesPerSecond since the step before, listeners included
 */
public record TrainingStep(
    long index,
    int epoch,
    int batchSize,
    double loss,
    double smoothedLoss,
    List<Double> lossByQuartile,
    double gradientNorm,
    double learningRate,
    double samplesPerSecond) {

  public TrainingStep {
    lossByQuartile = List.copyOf(lossByQuartile);
  }
}
