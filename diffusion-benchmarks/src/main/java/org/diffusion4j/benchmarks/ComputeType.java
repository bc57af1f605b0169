package org.diffusion4j.benchmarks;

import java.util.Locale;
import org.diffusion4j.Denoiser;
import org.diffusion4j.unet.SameDiffDenoiser;

/** The precision of our network; the peers always use float32. */
enum ComputeType {
  FLOAT32,
  BFLOAT16;

  /**
   * The network with this precision.
   *
   * @throws UnsupportedOperationException if the processor cannot
   */
  Denoiser of(SameDiffDenoiser model) {
    return this == FLOAT32 ? model : model.inBfloat16();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
