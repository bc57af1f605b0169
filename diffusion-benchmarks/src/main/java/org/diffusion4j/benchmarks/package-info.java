/**
 * Time and memory of this library's U-Net. {@link org.diffusion4j.benchmarks.SideBySide} compares
 * it with libtorch and ONNX Runtime, {@link org.diffusion4j.benchmarks.Growth} watches its memory,
 * {@link org.diffusion4j.benchmarks.Jmh} runs the small benchmarks. {@link
 * org.diffusion4j.benchmarks.Quality} and {@link org.diffusion4j.benchmarks.SamplerOverhead}
 * measure the samplers. {@link org.diffusion4j.benchmarks.EmojiQuality} measures a text-to-image
 * model.
 */
@NullMarked
package org.diffusion4j.benchmarks;

import org.jspecify.annotations.NullMarked;
