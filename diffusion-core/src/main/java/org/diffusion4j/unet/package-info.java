/**
 * Denoisers that are SameDiff graphs: the {@linkplain org.diffusion4j.unet.UNet U-Net} for images,
 * the {@linkplain org.diffusion4j.unet.UNet1d one-dimensional U-Net} for time series, the
 * {@linkplain org.diffusion4j.unet.Mlp MLP} for vectors, and {@linkplain
 * org.diffusion4j.unet.SameDiffDenoiser any custom graph}.
 *
 * <pre>{@code
 * UNetConfig config = UNetConfig.builder(1, 28, 28).blockOutChannels(32, 64).normGroups(8).build();
 * UNet model = UNet.create(config, NoiseSchedule.linear(1000), 42);
 * }</pre>
 */
@NullMarked
package org.diffusion4j.unet;

import org.jspecify.annotations.NullMarked;
