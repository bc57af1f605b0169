/** Layers of networks as SameDiff operations, and what runs a graph. Internal: no API. */
@NullMarked
package org.diffusion4j.internal.nn;

import org.jspecify.annotations.NullMarked;
