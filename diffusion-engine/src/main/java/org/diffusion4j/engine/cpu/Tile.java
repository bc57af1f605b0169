package org.diffusion4j.engine.cpu;

/**
 * Values per channel, repeated so that loops over pixels and channels become one loop over floats,
 * which the JIT compiler turns into vector instructions whatever the number of channels.
 */
final class Tile {

  private static final int TARGET = 1024;

  private final int channels;
  private final int length;

  /**
   * @param channels of each pixel
   * @param pixels of each sample
   */
  Tile(int channels, int pixels) {
    this.channels = channels;
    length = channels * Math.max(1, Math.min(pixels, TARGET / channels));
  }

  /** Floats in a tile, a multiple of the channels. */
  int length() {
    return length;
  }

  /** Repeats values, one for each channel. */
  void fill(float[] tile, float[] perChannel) {
    System.arraycopy(perChannel, 0, tile, 0, channels);
    int filled = channels;
    while (filled < length) {
      int more = Math.min(filled, length - filled);
      System.arraycopy(tile, 0, tile, filled, more);
      filled += more;
    }
  }

  /** Sums what a tile holds for each channel. */
  void fold(float[] tile, double[] perChannel) {
    for (int c = 0; c < channels; c++) {
      perChannel[c] = 0;
    }
    for (int i = 0; i < length; i += channels) {
      for (int c = 0; c < channels; c++) {
        perChannel[c] += tile[i + c];
      }
    }
  }
}
