/**
 * Runs SameDiff graphs as plans: compiled for one batch size, with known shapes and all results in
 * one block of memory. Convolutions use oneDNN, the rest our own kernels. See docs/architecture.md.
 */
@NullMarked
package org.diffusion4j.engine;

import org.jspecify.annotations.NullMarked;
