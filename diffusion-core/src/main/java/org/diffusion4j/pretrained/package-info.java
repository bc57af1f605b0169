/**
 * Model directories in the layout of Hugging Face diffusers: safetensors, configurations, errors.
 */
@NullMarked
package org.diffusion4j.pretrained;

import org.jspecify.annotations.NullMarked;
