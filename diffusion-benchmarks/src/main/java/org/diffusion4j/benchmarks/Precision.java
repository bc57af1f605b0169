package org.diffusion4j.benchmarks;

import java.util.Locale;
import org.diffusion4j.Denoiser;
import org.diffusion4j.unet.UNet;

/** What our U-Net computes in; the peers always compute in float32. */
enum Precision {
  FLOAT32,
  BFLOAT16;

  /**
   * A U-Net that computes in this precision.
   *
   * @throws UnsupportedOperationException if the processor cannot
   */
  Denoiser of(UNet model) {
    return this == FLOAT32 ? model : model.inBfloat16();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
