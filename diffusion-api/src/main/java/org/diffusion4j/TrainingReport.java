package org.diffusion4j;

import java.time.Duration;

/**
 * What a call of {@link Trainer#train} did.
 *
 * @param steps number of optimizer steps
 * @param samples number of samples seen, repetitions counted
 * @param firstLoss loss of the first step
 * @param lastLoss loss of the last step
 * @param meanLoss mean loss of the last tenth of the steps, at least one
 * @param duration how long it took
 * @param cancelled whether it ended before all steps were done, for somebody asked for that
 */
public record TrainingReport(
    int steps,
    long samples,
    double firstLoss,
    double lastLoss,
    double meanLoss,
    Duration duration,
    boolean cancelled) {}
