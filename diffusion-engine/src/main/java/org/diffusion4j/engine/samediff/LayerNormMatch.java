package org.diffusion4j.engine.samediff;

/**
 * A layer norm: the names of its inputs, and its settings.
 *
 * @param group the operations
 * @param x what is normalised
 * @param gamma the factor
 * @param beta the summand
 * @param eps added to the variance
 * @param dimension the number of the dimension over which the values are normalised
 */
public record LayerNormMatch(
    Group group, String x, String gamma, String beta, double eps, int dimension) {}
