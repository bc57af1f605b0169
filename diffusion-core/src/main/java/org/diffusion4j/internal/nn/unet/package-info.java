/** The conditional U-Net: its settings and its graph. Internal: no API. */
@NullMarked
package org.diffusion4j.internal.nn.unet;

import org.jspecify.annotations.NullMarked;
