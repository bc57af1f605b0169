/**
 * The public interfaces and values of diffusion4j: noise schedule, denoiser, sampler, trainer.
 *
 * <p>A {@link org.diffusion4j.Denoiser} is a network, or any function, with the {@link
 * org.diffusion4j.NoiseSchedule} that it was made for. A {@link org.diffusion4j.Sampler} uses it to
 * turn noise into samples; a {@link org.diffusion4j.Trainer} trains it:
 *
 * <pre>{@code
 * trainer.train(data, 2_000);
 * INDArray samples = new DdimSampler(50).sample(model, 16);
 * }</pre>
 *
 * <p>A {@link org.diffusion4j.SamplingRequest} sets seeds, conditions, the batch size or a memory
 * limit, a {@link org.diffusion4j.SamplingListener}, a {@link org.diffusion4j.CancelToken} and a
 * trajectory.
 *
 * <p>The caller owns the arrays that a method returns, also those of a {@link
 * org.diffusion4j.SamplingResult} and of a {@link org.diffusion4j.SamplingCancelledException}. The
 * sampler owns those of a {@link org.diffusion4j.SamplingListener.Step}.
 *
 * <p>Timesteps count from 0, the first noising step, to {@code T - 1}; {@code t = -1} is the clean
 * sample, with {@code alphaBar(-1) == 1}. Samples are arrays of type FLOAT whose first dimension is
 * the batch. {@code docs/notation.md} lists the symbols and those of the papers.
 */
@NullMarked
package org.diffusion4j;

import org.jspecify.annotations.NullMarked;
