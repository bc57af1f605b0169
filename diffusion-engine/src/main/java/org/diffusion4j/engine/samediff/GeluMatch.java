package org.diffusion4j.engine.samediff;

import org.diffusion4j.engine.graph.Activation;

/**
 * A GELU.
 *
 * @param group the operations
 * @param x the name of what it reads
 * @param kind which GELU it is
 */
public record GeluMatch(Group group, String x, Activation.Kind kind) {}
