package org.diffusion4j.autoencoder;

import java.util.List;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.nd4j.autodiff.samediff.SDVariable;

/** The networks of {@link AutoencoderTiny}: sequences of numbered layers. */
final class TinyCoders {

  private static final int MOST_LEVELS = 12;

  private final AutoencoderTiny.Config config;

  TinyCoders(AutoencoderTiny.Config config) {
    this.config = config;
  }

  /** Checks the levels of a network. */
  static void require(String what, List<Integer> channels, List<Integer> blocks) {
    if (channels.isEmpty() || channels.size() > MOST_LEVELS || channels.size() != blocks.size()) {
      throw new IllegalArgumentException(
          what
              + " must have channels and blocks of 1 to "
              + MOST_LEVELS
              + " levels but had those of "
              + channels.size()
              + " and "
              + blocks.size());
    }
    boolean same = channels.stream().allMatch(channels.get(0)::equals);
    if (!same || channels.get(0) < 1 || blocks.stream().anyMatch(count -> count < 0)) {
      throw new IllegalArgumentException(
          what
              + " channels must be positive and the same at every level, and blocks at least 0,"
              + " but were "
              + Shown.text(channels)
              + " and "
              + Shown.text(blocks));
    }
  }

  FeatureMap encoded(Layers layers, FeatureMap x) {
    List<Integer> blocks = config.encoderBlocks();
    Sequence sequence = new Sequence(layers, "encoder.layers.", x);
    sequence.map(v -> v.add(1).div(2));
    int channels = config.encoderChannels().get(0);
    for (int i = 0; i < blocks.size(); i++) {
      if (i == 0) {
        sequence.conv(channels);
      } else {
        sequence.halvingConv();
      }
      sequence.blocks(blocks.get(i));
    }
    sequence.conv(config.latentChannels());
    return sequence.h;
  }

  FeatureMap decoded(Layers layers, FeatureMap z) {
    List<Integer> blocks = config.decoderBlocks();
    Sequence sequence = new Sequence(layers, "decoder.layers.", z);
    sequence.map(v -> layers.sd.math().tanh(v.div(3)).mul(3));
    sequence.conv(config.decoderChannels().get(0));
    sequence.relu();
    for (int i = 0; i < blocks.size() - 1; i++) {
      sequence.blocks(blocks.get(i));
      sequence.doubled();
      sequence.convWithoutBias();
    }
    sequence.blocks(blocks.get(blocks.size() - 1));
    sequence.conv(config.outChannels());
    sequence.map(v -> v.mul(2).sub(1));
    return sequence.h;
  }

  private interface Function {
    SDVariable of(SDVariable x);
  }

  /** Layers one after the other, with numbers in their names. */
  private static final class Sequence {

    private final Layers layers;
    private final String name;
    private int number;
    private FeatureMap h;

    Sequence(Layers layers, String name, FeatureMap x) {
      this.layers = layers;
      this.name = name;
      h = x;
    }

    /** A function that is not one of the numbered layers. */
    void map(Function function) {
      h = h.of(function.of(h.value()), h.channels());
    }

    private String next() {
      return name + number++;
    }

    void conv(int out) {
      h = h.of(layers.conv(next(), h.value(), h.channels(), out, 3), out);
    }

    void convWithoutBias() {
      map(x -> layers.convWithoutBias(next(), x, h.channels(), 1));
    }

    void halvingConv() {
      SDVariable y = layers.convWithoutBias(next(), h.value(), h.channels(), 2);
      h = new FeatureMap(y, h.channels(), (h.height() + 1) / 2, (h.width() + 1) / 2);
    }

    void relu() {
      next();
      map(this::relu);
    }

    private SDVariable relu(SDVariable x) {
      return layers.sd.nn().relu(x, 0);
    }

    void doubled() {
      next();
      SDVariable y = layers.nearest(h.value());
      h = new FeatureMap(y, h.channels(), 2 * h.height(), 2 * h.width());
    }

    void blocks(int count) {
      for (int i = 0; i < count; i++) {
        String block = next() + ".conv.";
        int channels = h.channels();
        map(
            x -> {
              SDVariable y = relu(layers.conv(block + 0, x, channels, channels, 3));
              y = relu(layers.conv(block + 2, y, channels, channels, 3));
              y = layers.conv(block + 4, y, channels, channels, 3);
              return relu(y.add(x));
            });
      }
    }
  }
}
