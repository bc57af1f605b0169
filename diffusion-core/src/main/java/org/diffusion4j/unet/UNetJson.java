package org.diffusion4j.unet;

import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.unet.UNetConfig.Activation;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.Blocks;
import org.diffusion4j.unet.UNetConfig.Builder;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.Time;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.jspecify.annotations.Nullable;

/** A {@link UNetConfig} as the {@code config.json} of diffusers' {@code UNet2DModel}. */
final class UNetJson {

  /**
   * An additional setting, which diffusers ignores: the last row of the class table is for samples
   * without a label.
   */
  private static final String NULL_CLASS = "null_class";

  /** Newer than the release whose format is written, so it is written only if necessary. */
  private static final String TIME_EMBEDDING_DIM = "time_embedding_dim";

  private static final String ACTIVATION = "act_fn";
  private static final String MIDDLE = "mid_block_type";

  private static final Set<String> KNOWN =
      Set.of(
          ACTIVATION,
          "add_attention",
          "attention_head_dim",
          "attn_norm_num_groups",
          "block_out_channels",
          "center_input_sample",
          "class_embed_type",
          "down_block_types",
          "downsample_padding",
          "downsample_type",
          "dropout",
          "flip_sin_to_cos",
          "freq_shift",
          "in_channels",
          "layers_per_block",
          "mid_block_scale_factor",
          MIDDLE,
          "norm_eps",
          "norm_num_groups",
          NULL_CLASS,
          "num_class_embeds",
          "num_train_timesteps",
          "out_channels",
          "resnet_time_scale_shift",
          "sample_size",
          TIME_EMBEDDING_DIM,
          "time_embedding_type",
          "up_block_types",
          "upsample_type");

  private static final Map<String, String> MIDDLES = Map.of("UNetMidBlock2D", "UNetMidBlock2D");
  private static final Map<String, Block> DOWN = blocks(Block::downName);
  private static final Map<String, Block> UP = blocks(Block::upName);
  private static final Map<String, Activation> ACTIVATIONS = activations();
  private static final Map<String, Resampling> RESAMPLINGS = names(Resampling.class);
  private static final Map<String, TimeEmbedding> TIME_EMBEDDINGS = names(TimeEmbedding.class);
  private static final Map<String, TimeInjection> TIME_INJECTIONS =
      Map.of("default", TimeInjection.ADD, "scale_shift", TimeInjection.SCALE_SHIFT);
  private static final Map<String, ClassEmbedding> CLASS_EMBEDDINGS =
      Map.of("timestep", ClassEmbedding.TIMESTEP);

  /** diffusers' default; the default of this library is the input's number. */
  private static final int CHANNELS = 3;

  private UNetJson() {}

  private static Map<String, Block> blocks(Function<Block, String> name) {
    return EnumSet.allOf(Block.class).stream().collect(Collectors.toMap(name, block -> block));
  }

  private static <E extends Enum<E>> Map<String, E> names(Class<E> type) {
    return EnumSet.allOf(type).stream().collect(Collectors.toMap(UNetJson::name, value -> value));
  }

  private static Map<String, Activation> activations() {
    Map<String, Activation> all = names(Activation.class);
    all.put("swish", Activation.SILU);
    return all;
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  static Map<String, @Nullable Object> write(UNetConfig config) {
    Map<String, @Nullable Object> json = new TreeMap<>();
    json.put(ACTIVATION, name(config.activation()));
    json.put("in_channels", config.inChannels());
    json.put("out_channels", config.outChannels());
    json.put("sample_size", size(config.height(), config.width()));
    json.put("center_input_sample", config.centerInput());
    json.put("dropout", config.dropout());
    json.put("norm_eps", config.norm().eps());
    json.put("norm_num_groups", boxed(config.norm().groups()));
    json.put("add_attention", config.attention().middle());
    json.put("attention_head_dim", boxed(config.attention().headDim()));
    json.put("attn_norm_num_groups", boxed(config.attention().normGroups()));
    write(config.blocks(), json);
    write(config.time(), json);
    write(config.classes(), json);
    return json;
  }

  private static void write(Blocks blocks, Map<String, @Nullable Object> json) {
    json.put("block_out_channels", blocks.channels());
    json.put("down_block_types", blocks.down().stream().map(Block::downName).toList());
    json.put("up_block_types", blocks.up().stream().map(Block::upName).toList());
    json.put("layers_per_block", blocks.layers());
    json.put("downsample_padding", blocks.downsamplePadding());
    json.put("downsample_type", name(blocks.downsampling()));
    json.put("upsample_type", name(blocks.upsampling()));
    json.put("mid_block_scale_factor", wholeIfPossible(blocks.midScale()));
  }

  private static void write(Time time, Map<String, @Nullable Object> json) {
    json.put("time_embedding_type", name(time.embedding()));
    if (time.dim().isPresent()) {
      json.put(TIME_EMBEDDING_DIM, time.dim().getAsInt());
    }
    boolean adds = time.injection() == TimeInjection.ADD;
    json.put("resnet_time_scale_shift", adds ? "default" : "scale_shift");
    json.put("flip_sin_to_cos", time.flipSinToCos());
    json.put("freq_shift", wholeIfPossible(time.freqShift()));
    json.put("num_train_timesteps", boxed(time.trainTimesteps()));
  }

  private static void write(UNetConfig.Classes classes, Map<String, @Nullable Object> json) {
    boolean timestep = classes.embedding() == ClassEmbedding.TIMESTEP;
    json.put("class_embed_type", timestep ? "timestep" : null);
    json.put("num_class_embeds", boxed(classes.rows()));
    if (classes.nullClass()) {
      json.put(NULL_CLASS, true);
    }
  }

  private static Object size(int height, int width) {
    return height == width ? (Object) height : List.of(height, width);
  }

  private static @Nullable Integer boxed(OptionalInt value) {
    return value.isPresent() ? value.getAsInt() : null;
  }

  private static Object wholeIfPossible(double value) {
    return value == Math.rint(value) ? (Object) (long) value : (Object) value;
  }

  /** Missing settings keep the builder's defaults, which are diffusers'. */
  static UNetConfig read(
      Map<String, ? extends @Nullable Object> values, Consumer<String> warnings) {
    JsonSettings json = new JsonSettings(values);
    json.warnOfUnknown(KNOWN, warnings);
    Reader reader = new Reader(json);
    reader.network();
    reader.blocks();
    reader.time();
    reader.classes();
    return reader.builder.build();
  }

  /** Sets the existing settings in a builder. */
  private static final class Reader {

    final JsonSettings json;
    final Builder builder;

    Reader(JsonSettings json) {
      this.json = json;
      int[] size = size(json);
      builder = UNetConfig.builder(channels("in_channels"), size[0], size[1]);
    }

    private static int[] size(JsonSettings json) {
      try {
        return json.oneOrTwo("sample_size");
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(e.getMessage() + "; give height and width", e);
      }
    }

    private int channels(String key) {
      return json.has(key) ? json.integer(key) : CHANNELS;
    }

    private <V> void set(String key, Function<String, V> read, Consumer<V> setter) {
      if (json.has(key)) {
        setter.accept(read.apply(key));
      }
    }

    private <V> Function<String, V> oneOf(Map<String, V> supported) {
      return key -> json.oneOf(key, supported);
    }

    void network() {
      set(ACTIVATION, oneOf(ACTIVATIONS), builder::activation);
      set(MIDDLE, oneOf(MIDDLES), theOnlyOne -> {});
      builder.outChannels(channels("out_channels"));
      set("center_input_sample", json::flag, builder::centerInput);
      set("dropout", json::number, builder::dropout);
      set("norm_eps", json::number, builder::normEps);
      set("norm_num_groups", json::integerOrNull, builder::normGroups);
      set("add_attention", json::flag, builder::midAttention);
      set("attention_head_dim", json::integerOrNull, builder::attentionHeadDim);
      set("attn_norm_num_groups", json::integerOrNull, builder::attentionNormGroups);
    }

    void blocks() {
      set("block_out_channels", json::integers, builder::blockOutChannels);
      builder.downBlocks(blocks("down_block_types", DOWN, Builder.DOWN));
      builder.upBlocks(blocks("up_block_types", UP, Builder.mirror(Builder.DOWN)));
      set("layers_per_block", json::integer, builder::layersPerBlock);
      set("downsample_padding", json::integer, builder::downsamplePadding);
      set("downsample_type", oneOf(RESAMPLINGS), builder::downsampling);
      set("upsample_type", oneOf(RESAMPLINGS), builder::upsampling);
      set("mid_block_scale_factor", json::number, builder::midBlockScale);
    }

    /** As in diffusers, the default does not depend on the number of levels. */
    private Block[] blocks(String key, Map<String, Block> supported, List<Block> byDefault) {
      List<Block> blocks = json.has(key) ? json.allOf(key, "block classes", supported) : byDefault;
      return blocks.toArray(Block[]::new);
    }

    void time() {
      set("time_embedding_type", oneOf(TIME_EMBEDDINGS), builder::timeEmbedding);
      // In Python, 0 also means that no width is set.
      Integer width = json.integerOrNull(TIME_EMBEDDING_DIM);
      builder.timeEmbeddingDim(width == null || width == 0 ? null : width);
      set("resnet_time_scale_shift", oneOf(TIME_INJECTIONS), builder::timeInjection);
      set("flip_sin_to_cos", json::flag, builder::flipSinToCos);
      set("freq_shift", json::number, builder::freqShift);
      set("num_train_timesteps", json::integerOrNull, builder::trainTimesteps);
    }

    void classes() {
      Integer rows = json.integerOrNull("num_class_embeds");
      if (rows != null) {
        boolean nullClass = json.has(NULL_CLASS) && json.flag(NULL_CLASS);
        builder.classes(nullClass ? rows - 1 : rows).nullClass(nullClass);
      }
      if (json.get("class_embed_type") != null) {
        builder.classEmbedding(json.oneOf("class_embed_type", CLASS_EMBEDDINGS));
      }
    }
  }
}
