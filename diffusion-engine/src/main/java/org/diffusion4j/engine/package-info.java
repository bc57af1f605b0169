/**
 * A SameDiff graph compiled for one batch size: every shape known, every result placed in one block
 * of memory, convolutions by oneDNN and the rest by kernels of our own. See docs/architecture.md.
 */
@NullMarked
package org.diffusion4j.engine;

import org.jspecify.annotations.NullMarked;
