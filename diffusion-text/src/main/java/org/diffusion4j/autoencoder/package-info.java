/**
 * Autoencoders: between images and the smaller latents that latent diffusion models are trained on
 * (Rombach et al. 2022).
 */
@NullMarked
package org.diffusion4j.autoencoder;

import org.jspecify.annotations.NullMarked;
