/**
 * What applications see of diffusion4j: the noise schedule, the denoiser, the sampler, the trainer
 * and their values.
 *
 * <p>A {@link org.diffusion4j.Denoiser} is a network, or any function, that knows the {@link
 * org.diffusion4j.NoiseSchedule} it was made for. A {@link org.diffusion4j.Sampler} turns it and
 * noise into samples; a {@link org.diffusion4j.Trainer} makes it from data:
 *
 * <pre>{@code
 * trainer.train(data, 2_000);
 * INDArray samples = new DdimSampler(50).sample(model, 16);
 * }</pre>
 *
 * <p>A {@link org.diffusion4j.SamplingRequest} says more: seeds, conditions, batches or the memory
 * that they may take, a {@link org.diffusion4j.SamplingListener}, a {@link
 * org.diffusion4j.CancelToken}, a trajectory to keep. Whoever is given arrays owns them: those of a
 * {@link org.diffusion4j.SamplingResult} and, if a cancelled run was to keep what it had, of a
 * {@link org.diffusion4j.SamplingCancelledException}. Those of a {@link
 * org.diffusion4j.SamplingListener.Step} stay the sampler's.
 *
 * <p>Timesteps count from 0, the first noising step, to {@code T - 1}; {@code t = -1} is the clean
 * sample, with {@code alphaBar(-1) == 1}. Samples are arrays of type FLOAT whose first dimension is
 * the batch. {@code docs/notation.md} lists the symbols beside those of the papers.
 */
@NullMarked
package org.diffusion4j;

import org.jspecify.annotations.NullMarked;
