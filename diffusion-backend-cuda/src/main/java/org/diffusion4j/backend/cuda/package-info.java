/**
 * ND4J's CUDA backend, checked against the machine's GPU before it starts.
 *
 * <p>There is nothing to call: with this artifact on the class path, the check is made when ND4J
 * starts. Where the GPU cannot be used, ND4J runs on the CPU backend if that is on the class path
 * too; otherwise its first use throws an {@link UnsatisfiedLinkError} that says why.
 */
@NullMarked
package org.diffusion4j.backend.cuda;

import org.jspecify.annotations.NullMarked;
