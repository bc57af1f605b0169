/**
 * Data in and samples out.
 *
 * <pre>{@code
 * SampleSource tiles = ImageFolder.open(Path.of("tiles"), 32, 32, ImageFolder.Option.CLASS_FOLDERS);
 * SampleIterator data = SampleIterator.of(tiles, 64).shuffle(1).flip(2).build();
 * trainer.train(data, 2_000);
 * INDArray samples = sampler.sample(model, 16);
 * ImageFiles.writeGrid(Path.of("samples.png"), samples, 4, 2);
 * }</pre>
 *
 * <p>A {@link org.diffusion4j.data.SampleSource} reads single samples: its {@code of} and {@code
 * ofVectors} those of arrays, {@link org.diffusion4j.data.IdxImages} those of MNIST's format,
 * {@link org.diffusion4j.data.ImageFolder} image files, {@link
 * org.diffusion4j.data.DelimitedVectors} text tables; an application may write its own. A {@link
 * org.diffusion4j.data.SampleIterator} makes batches of them for ND4J, ahead on another thread if
 * asked, and can be continued from anywhere. Values are in [-1, 1]; a {@link
 * org.diffusion4j.data.Scaling} brings vectors back to their units. {@link
 * org.diffusion4j.data.ImageFiles} and {@link org.diffusion4j.data.NpyFiles} write what a sampler
 * returns.
 */
@NullMarked
package org.diffusion4j.data;

import org.jspecify.annotations.NullMarked;
