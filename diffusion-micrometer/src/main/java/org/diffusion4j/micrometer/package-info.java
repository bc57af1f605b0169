/**
 * Metrics and observations for Micrometer: {@link
 * org.diffusion4j.micrometer.MicrometerTrainingListener} of trainings, {@link
 * org.diffusion4j.micrometer.SamplingMeters} of sampling, {@link
 * org.diffusion4j.micrometer.ObservedSampler} spans of sampling runs.
 *
 * <pre>{@code
 * try (var metrics = MicrometerTrainingListener.of(registry, Tags.of("model", "digits"))) {
 *   trainer.train(data, 10_000, metrics);
 * }
 * }</pre>
 */
@NullMarked
package org.diffusion4j.micrometer;

import org.jspecify.annotations.NullMarked;
