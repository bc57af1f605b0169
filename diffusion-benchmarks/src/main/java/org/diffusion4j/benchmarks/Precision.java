package org.diffusion4j.benchmarks;

import java.util.Locale;
import org.diffusion4j.unet.UNet;

/** What our U-Net computes in; the peers always compute in float32. */
enum Precision {
  FLOAT32,
  BFLOAT16;

  /**
   * Tells a U-Net to compute in this precision. This is the one place that has to change when the
   * library can do so.
   *
   * @throws IllegalArgumentException if the U-Net cannot
   */
  void applyTo(UNet model) {
    if (this != FLOAT32) {
      throw new IllegalArgumentException(
          "precision must be float32, the only one that UNet has so far, but was " + this);
    }
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
