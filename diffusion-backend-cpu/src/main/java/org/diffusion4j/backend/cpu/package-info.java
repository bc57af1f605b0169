/**
 * ND4J's CPU backend with the native library that this machine's processor runs best.
 *
 * <p>There is nothing to call: with this artifact on the class path, the choice is made when ND4J
 * starts. To make it by hand, set the system property {@code
 * org.bytedeco.javacpp.platform.extension}, for example to {@code -onednn-avx2}.
 */
@NullMarked
package org.diffusion4j.backend.cpu;

import org.jspecify.annotations.NullMarked;
