/**
 * A graph as plain nodes with known shapes: what each reads and writes, how it is differentiated
 * ({@link org.diffusion4j.engine.graph.Tape}), and how the memory of all is laid out ({@link
 * org.diffusion4j.engine.graph.Arena}). {@link org.diffusion4j.engine.graph.Engine} is what a
 * device implements to run them.
 */
@NullMarked
package org.diffusion4j.engine.graph;

import org.jspecify.annotations.NullMarked;
