/** The graphs of text encoders. Internal: no API. */
@NullMarked
package org.diffusion4j.internal.text;

import org.jspecify.annotations.NullMarked;
