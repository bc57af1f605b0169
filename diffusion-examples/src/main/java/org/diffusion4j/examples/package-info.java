/**
 * What a newcomer runs: training on digits, pictures and a mixture of Gaussians, sampling from
 * saved models, a comparison of samplers, and a denoiser of one's own. {@link
 * org.diffusion4j.examples.Examples} begins.
 */
@NullMarked
package org.diffusion4j.examples;

import org.jspecify.annotations.NullMarked;
