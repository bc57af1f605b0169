/**
 * Training of denoisers.
 *
 * <pre>{@code
 * Trainer trainer = DiffusionTrainer.builder(model).optimizer(Optimizer.adam(1e-3)).seed(7).build();
 * TrainingReport report = trainer.train(data, 2_000, step -> log.info("loss {}", step.loss()));
 * }</pre>
 */
@NullMarked
package org.diffusion4j.training;

import org.jspecify.annotations.NullMarked;
