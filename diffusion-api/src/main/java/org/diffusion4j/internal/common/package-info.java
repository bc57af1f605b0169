/** What all modules of diffusion4j share; not for applications, and without promises to them. */
@NullMarked
package org.diffusion4j.internal.common;

import org.jspecify.annotations.NullMarked;
