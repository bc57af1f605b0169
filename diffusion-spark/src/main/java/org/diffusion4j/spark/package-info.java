/**
 * Sampling and training on the executors of Apache Spark, with the bits of one process: {@link
 * org.diffusion4j.spark.SparkSampling}, {@link org.diffusion4j.spark.SparkTraining} and, for its
 * data, {@link org.diffusion4j.spark.SparkSamples}.
 */
@NullMarked
package org.diffusion4j.spark;

import org.jspecify.annotations.NullMarked;
