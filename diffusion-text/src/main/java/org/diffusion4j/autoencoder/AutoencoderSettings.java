package org.diffusion4j.autoencoder;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.JsonSettings;
import org.jspecify.annotations.Nullable;

/** The settings that the classes of autoencoders have in common, with diffusers' defaults. */
final class AutoencoderSettings {

  static final String ACTIVATION = "act_fn";
  static final String CHANNELS = "block_out_channels";
  static final String DOWN = "down_block_types";
  static final String FORCE_UPCAST = "force_upcast";
  static final String IN = "in_channels";
  static final String OUT = "out_channels";
  static final String LATENT = "latent_channels";
  static final String LAYERS = "layers_per_block";
  static final String MID_ATTENTION = "mid_block_add_attention";
  static final String GROUPS = "norm_num_groups";
  static final String SIZE = "sample_size";
  static final String FACTOR = "scaling_factor";
  static final String SHIFT = "shift_factor";
  static final String UP = "up_block_types";

  /** The settings of a {@link AutoencoderBlocks}. */
  static final Set<String> OF_BLOCKS =
      Set.of(ACTIVATION, CHANNELS, DOWN, IN, OUT, LATENT, LAYERS, MID_ATTENTION, GROUPS, UP);

  private static final String DOWN_BLOCK = "DownEncoderBlock2D";
  private static final String UP_BLOCK = "UpDecoderBlock2D";

  private final JsonSettings json;

  AutoencoderSettings(
      Map<String, ? extends @Nullable Object> values,
      Set<String> known,
      Consumer<String> warnings) {
    json = new JsonSettings(values);
    json.warnOfUnknown(known, warnings);
  }

  int integer(String key, int byDefault) {
    return json.has(key) ? json.integer(key) : byDefault;
  }

  boolean flag(String key, boolean byDefault) {
    return json.has(key) ? json.flag(key) : byDefault;
  }

  double number(String key, double byDefault) {
    return json.has(key) ? json.number(key) : byDefault;
  }

  @Nullable Double numberOrNull(String key) {
    return json.get(key) == null ? null : (Double) json.number(key);
  }

  @Nullable Integer integerOrNull(String key) {
    return json.integerOrNull(key);
  }

  List<Integer> integers(String key, List<Integer> byDefault) {
    return json.has(key) ? List.of(json.integers(key)) : byDefault;
  }

  @Nullable List<Double> numbersOrNull(String key) {
    Object value = json.get(key);
    if (value == null) {
      return null;
    }
    List<Double> numbers = new ArrayList<>();
    for (Object number : value instanceof List<?> list ? list : Collections.singletonList(value)) {
      if (!(number instanceof Number n) || !Double.isFinite(n.doubleValue())) {
        throw new IllegalArgumentException(
            key + " must be finite numbers but was " + Shown.text(value));
      }
      numbers.add(n.doubleValue());
    }
    return numbers;
  }

  /** Refuses another value than the only one that is supported. */
  void require(String key, Object supported) {
    Object value = json.get(key);
    Object found = value instanceof Number number ? (Object) number.doubleValue() : value;
    Object only = supported instanceof Number number ? (Object) number.doubleValue() : supported;
    if (json.has(key) && !only.equals(found)) {
      throw new IllegalArgumentException(
          key + " must be " + supported + " but was " + Shown.text(value));
    }
  }

  /** The side of a square image, or the first number of height and width. */
  int size(int byDefault) {
    return json.has(SIZE) ? json.oneOrTwo(SIZE)[0] : byDefault;
  }

  AutoencoderBlocks blocks() {
    if (json.has(ACTIVATION)) {
      json.oneOf(ACTIVATION, Map.of("silu", true, "swish", true));
    }
    List<Integer> channels = integers(CHANNELS, List.of(64));
    requireBlocks(DOWN, DOWN_BLOCK, channels.size());
    requireBlocks(UP, UP_BLOCK, channels.size());
    return new AutoencoderBlocks(
        integer(IN, 3),
        integer(OUT, 3),
        integer(LATENT, 4),
        channels,
        integer(LAYERS, 1),
        integer(GROUPS, 32),
        flag(MID_ATTENTION, true));
  }

  private void requireBlocks(String key, String only, int levels) {
    int found = json.has(key) ? json.allOf(key, "block classes", Map.of(only, only)).size() : 1;
    if (found != levels) {
      throw new IllegalArgumentException(
          key + " must be one for each level, " + levels + ", but were " + found);
    }
  }

  static void write(AutoencoderBlocks blocks, Map<String, @Nullable Object> json) {
    int levels = blocks.blockOutChannels().size();
    json.put(ACTIVATION, "silu");
    json.put(CHANNELS, blocks.blockOutChannels());
    json.put(DOWN, Collections.nCopies(levels, DOWN_BLOCK));
    json.put(UP, Collections.nCopies(levels, UP_BLOCK));
    json.put(IN, blocks.imageChannels());
    json.put(OUT, blocks.outChannels());
    json.put(LATENT, blocks.latentChannels());
    json.put(LAYERS, blocks.layersPerBlock());
    json.put(MID_ATTENTION, blocks.midAttention());
    json.put(GROUPS, blocks.normGroups());
  }
}
