/** The kernels that run nodes on the CPU: oneDNN's primitives, our own loops, and ND4J. */
@NullMarked
package org.diffusion4j.engine.cpu;

import org.jspecify.annotations.NullMarked;
