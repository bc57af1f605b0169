/** Text for text-to-image models: from a prompt to the ids that a text encoder takes. */
@NullMarked
package org.diffusion4j.text;

import org.jspecify.annotations.NullMarked;
