package org.diffusion4j.engine.samediff;

import org.diffusion4j.engine.graph.Activation;

/**
 * An activation that is written out.
 *
 * @param group the operations
 * @param x the name of what it reads
 * @param kind which function it is
 */
public record ActivationMatch(Group group, String x, Activation.Kind kind) {}
