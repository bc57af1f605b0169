/** Helpers shared by the packages of this module. Internal: not for applications. */
@NullMarked
package org.diffusion4j.internal;

import org.jspecify.annotations.NullMarked;
