/**
 * Listeners that publish training and sampling as Micrometer metrics.
 *
 * <pre>{@code
 * try (MicrometerTrainingListener metrics =
 *     MicrometerTrainingListener.of(registry, Tags.of("model", "digits"))) {
 *   trainer.train(data, 10_000, metrics);
 * }
 * }</pre>
 */
@NullMarked
package org.diffusion4j.micrometer;

import org.jspecify.annotations.NullMarked;
