/**
 * Model files: safetensors, the configurations beside them, and the errors of damaged ones. The
 * layout is that of Hugging Face diffusers.
 */
@NullMarked
package org.diffusion4j.pretrained;

import org.jspecify.annotations.NullMarked;
