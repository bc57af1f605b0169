package org.diffusion4j.engine.cpu;

/**
 * Repeats values per channel, so that loops over pixels and channels become one loop over floats.
 * The JIT compiler vectorises it for any number of channels.
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

  /** Fills a tile with values per channel. */
  void fill(float[] tile, float[] perChannel) {
    System.arraycopy(perChannel, 0, tile, 0, channels);
    int filled = channels;
    while (filled < length) {
      int more = Math.min(filled, length - filled);
      System.arraycopy(tile, 0, tile, filled, more);
      filled += more;
    }
  }

  /** Sums the values of a tile per channel. */
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
