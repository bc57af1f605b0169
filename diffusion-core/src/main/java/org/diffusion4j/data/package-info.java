/**
 * Reads training data and writes samples.
 *
 * <pre>{@code
 * SampleSource tiles = ImageFolder.open(Path.of("tiles"), 32, 32, ImageFolder.Option.CLASS_FOLDERS);
 * SampleIterator data = SampleIterator.of(tiles, 64).shuffle(1).flip(2).build();
 * trainer.train(data, 2_000);
 * INDArray samples = sampler.sample(model, 16);
 * ImageFiles.writeGrid(Path.of("samples.png"), samples, 4, 2);
 * }</pre>
 *
 * <p>A {@link org.diffusion4j.data.SampleSource} reads single samples: {@code of} and {@code
 * ofVectors} from arrays, {@link org.diffusion4j.data.IdxImages} from MNIST's format, {@link
 * org.diffusion4j.data.ImageFolder} from image files, {@link org.diffusion4j.data.DelimitedVectors}
 * from text tables. Applications can implement their own. A {@link
 * org.diffusion4j.data.SampleIterator} makes batches for ND4J, optionally on another thread, and
 * can be continued from any position. Values are in [-1, 1]; a {@link org.diffusion4j.data.Scaling}
 * converts vectors back to their units. {@link org.diffusion4j.data.ImageFiles} and {@link
 * org.diffusion4j.data.NpyFiles} write samples.
 */
@NullMarked
package org.diffusion4j.data;

import org.jspecify.annotations.NullMarked;
