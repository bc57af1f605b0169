/** Helpers that the packages of this module share. Not part of the API. */
@NullMarked
package org.diffusion4j.internal;

import org.jspecify.annotations.NullMarked;
