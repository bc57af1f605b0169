/**
 * Training of denoisers.
 *
 * <pre>{@code
 * DiffusionTrainer trainer =
 *     DiffusionTrainer.builder(model)
 *         .optimizer(Optimizer.adam(LearningRates.warmUp(500, LearningRates.cosine(1e-3, 100_000))))
 *         .loss(Loss.meanSquaredError(Loss.Weighting.minSnr(5)))
 *         .maxGradientNorm(1)
 *         .ema(0.9999)
 *         .checkpoints(Checkpoints.in(Path.of("run")).every(Duration.ofMinutes(10)))
 *         .seed(7)
 *         .build();
 * trainer.resume();
 * Trainer.Report report =
 *     trainer.trainTo(data, 100_000, TrainingListeners.logging(log, 100));
 * trainer.useAverage();
 * }</pre>
 *
 * <p>Training minimises a {@link org.diffusion4j.training.Loss}; an {@link
 * org.diffusion4j.training.Optimizer} updates the weights. {@link
 * org.diffusion4j.training.TrainingListeners} log and record. {@link
 * org.diffusion4j.training.VariationalBound} evaluates a model.
 */
@NullMarked
package org.diffusion4j.training;

import org.jspecify.annotations.NullMarked;
