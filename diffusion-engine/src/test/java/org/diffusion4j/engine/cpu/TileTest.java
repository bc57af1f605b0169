package org.diffusion4j.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class TileTest {

  @Property(tries = 200, seed = "1")
  void fill_thenFold_isEachChannelTimesItsPixels(
      @ForAll @IntRange(min = 1, max = 3000) int channels,
      @ForAll @IntRange(min = 1, max = 5000) int pixels) {
    Tile tile = new Tile(channels, pixels);
    assertThat(tile.length() % channels).isZero();
    int repeated = tile.length() / channels;
    assertThat(repeated).isBetween(1, pixels);

    float[] perChannel = new float[channels + 3];
    for (int c = 0; c < perChannel.length; c++) {
      perChannel[c] = c - 5;
    }
    float[] values = new float[tile.length()];
    assertThat(values).hasSize(tile.length());
    tile.fill(values, perChannel);
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).isEqualTo(perChannel[i % channels]);
    }
    double[] sums = new double[channels];
    sums[0] = 77;
    tile.fold(values, sums);
    for (int c = 0; c < channels; c++) {
      assertThat(sums[c]).isEqualTo(repeated * (c - 5.0));
    }
  }
}
