/** Helpers shared by all modules of diffusion4j. Internal: not for applications. */
@NullMarked
package org.diffusion4j.internal.common;

import org.jspecify.annotations.NullMarked;
