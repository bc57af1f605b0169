package org.diffusion4j.samplers;

import java.util.Arrays;
import java.util.zip.CRC32;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;

/**
 * What steps were fitted to, as it can be told without calling a denoiser.
 *
 * @param text the shape of samples, the kind of prediction, and a checksum of the noise schedule
 */
record FittedTo(String text) {

  static FittedTo of(Denoiser model) {
    NoiseSchedule schedule = model.schedule();
    CRC32 checksum = new CRC32();
    for (int t = 0; t < schedule.steps(); t++) {
      update(checksum, schedule.level(t).signal());
      update(checksum, schedule.level(t).noise());
    }
    return new FittedTo(
        Arrays.toString(model.sampleShape())
            + " "
            + model.prediction()
            + " "
            + schedule.steps()
            + " "
            + Long.toHexString(checksum.getValue()));
  }

  private static void update(CRC32 checksum, double value) {
    int bits = Float.floatToIntBits((float) value);
    for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
      checksum.update(bits >>> shift & 0xff);
    }
  }

  /**
   * Checks that a denoiser is like the one that steps were fitted to.
   *
   * @throws IllegalArgumentException if not
   */
  void require(Denoiser model) {
    FittedTo ours = of(model);
    if (!text.equals(ours.text)) {
      throw new IllegalArgumentException(
          "the steps must be fitted to the denoiser, "
              + ours.text
              + " (shape, prediction, schedule), but were to "
              + text);
    }
  }
}
