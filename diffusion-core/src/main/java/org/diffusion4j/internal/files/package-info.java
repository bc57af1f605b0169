/** Model files and their formats: JSON, safetensors, diffusers' names. Internal: no API. */
@NullMarked
package org.diffusion4j.internal.files;

import org.jspecify.annotations.NullMarked;
