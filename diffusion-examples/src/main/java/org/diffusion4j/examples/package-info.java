/**
 * Runnable examples: training on digits, images and a mixture of Gaussians, sampling from saved
 * models, a comparison of samplers, and a custom denoiser. {@link
 * org.diffusion4j.examples.Examples} is the main class.
 */
@NullMarked
package org.diffusion4j.examples;

import org.jspecify.annotations.NullMarked;
