package org.diffusion4j.pretrained;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.unet.UNetConfig;
import org.diffusion4j.unet.UNetConfig.Block;
import org.diffusion4j.unet.UNetConfig.ClassEmbedding;
import org.diffusion4j.unet.UNetConfig.Resampling;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.diffusion4j.unet.UNetConfig.TimeInjection;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A {@code UNetConfig} as the {@code config.json} of diffusers' {@code UNet2DModel}. */
final class UNetConfigFile {

  static final String CLASS = "UNet2DModel";

  private static final Logger LOG = LoggerFactory.getLogger(UNetConfigFile.class);

  /**
   * A setting of ours, which diffusers ignores: the last row of the class table is for no label.
   */
  private static final String NULL_CLASS = "null_class";

  /** Newer than {@link DiffusersFormat#VERSION}, so written only where it is needed. */
  private static final String TIME_EMBEDDING_DIM = "time_embedding_dim";

  private static final Set<String> KNOWN =
      Set.of(
          "act_fn",
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
          "mid_block_type",
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

  private final Path file;
  private final Map<String, @Nullable Object> values;

  private UNetConfigFile(Path file, Map<String, @Nullable Object> values) {
    this.file = file;
    this.values = values;
  }

  /** The settings to write. */
  static Map<String, @Nullable Object> write(UNetConfig c) {
    Map<String, @Nullable Object> json = new TreeMap<>();
    json.put("_class_name", CLASS);
    json.put("_diffusers_version", DiffusersFormat.VERSION);
    json.put("act_fn", "silu");
    json.put("add_attention", c.midAttention());
    json.put("attention_head_dim", boxed(c.attentionHeadDim()));
    json.put("attn_norm_num_groups", boxed(c.attentionNormGroups()));
    json.put("block_out_channels", c.blockOutChannels());
    json.put("center_input_sample", c.centerInput());
    json.put("class_embed_type", c.classEmbedding() == ClassEmbedding.TIMESTEP ? "timestep" : null);
    json.put("down_block_types", c.downBlocks().stream().map(Block::downName).toList());
    json.put("downsample_padding", c.downsamplePadding());
    json.put("downsample_type", name(c.downsampling()));
    json.put("dropout", c.dropout());
    json.put("flip_sin_to_cos", c.flipSinToCos());
    json.put("freq_shift", wholeIfPossible(c.freqShift()));
    json.put("in_channels", c.inChannels());
    json.put("layers_per_block", c.layersPerBlock());
    json.put("mid_block_scale_factor", wholeIfPossible(c.midBlockScale()));
    json.put("norm_eps", c.normEps());
    json.put("norm_num_groups", c.normGroups());
    if (c.nullClass()) {
      json.put(NULL_CLASS, true);
    }
    json.put("num_class_embeds", boxed(c.classRows()));
    json.put("num_train_timesteps", boxed(c.trainTimesteps()));
    json.put("out_channels", c.outChannels());
    json.put(
        "resnet_time_scale_shift",
        c.timeInjection() == TimeInjection.ADD ? "default" : "scale_shift");
    json.put(
        "sample_size",
        c.height() == c.width() ? (Object) c.height() : List.of(c.height(), c.width()));
    if (c.timeEmbeddingDim().isPresent()) {
      json.put(TIME_EMBEDDING_DIM, c.timeEmbeddingDim().getAsInt());
    }
    json.put("time_embedding_type", name(c.timeEmbedding()));
    json.put("up_block_types", c.upBlocks().stream().map(Block::upName).toList());
    json.put("upsample_type", name(c.upsampling()));
    return json;
  }

  private static @Nullable Integer boxed(OptionalInt value) {
    return value.isPresent() ? value.getAsInt() : null;
  }

  private static Object wholeIfPossible(double value) {
    return value == Math.rint(value) ? (Object) (long) value : (Object) value;
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  /**
   * The architecture that settings describe.
   *
   * @param file where they come from, for messages
   * @param values the settings; what is missing has diffusers' default
   * @param size height and width, where the settings' own are not wanted, or null
   */
  static UNetConfig read(Path file, Map<String, @Nullable Object> values, int @Nullable [] size)
      throws ModelFormatException {
    UNetConfigFile config = new UNetConfigFile(file, values);
    config.warnOfUnknown();
    try {
      return config.read(size == null ? config.sampleSize() : size);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
    }
  }

  /** What is empty, or false, asks for nothing; names with an underscore are notes. */
  private void warnOfUnknown() {
    Set<String> unknown = new TreeSet<>(values.keySet());
    unknown.removeAll(KNOWN);
    unknown.removeIf(key -> key.startsWith("_") || DiffusersFormat.isNeutral(values.get(key)));
    if (!unknown.isEmpty()) {
      LOG.warn("{}: settings that are unknown and ignored: {}", file, Shown.list(unknown));
    }
  }

  private UNetConfig read(int[] size) {
    oneOf("act_fn", "silu", Map.of("silu", "silu", "swish", "silu"));
    oneOf("mid_block_type", "UNetMidBlock2D", Map.of("UNetMidBlock2D", "UNetMidBlock2D"));
    UNetConfig.Builder b =
        UNetConfig.builder(integer("in_channels", 3), size[0], size[1])
            .outChannels(integer("out_channels", 3))
            .blockOutChannels(integers("block_out_channels", 224, 448, 672, 896))
            .downBlocks(blocks("down_block_types", Block::downName, DEFAULT_DOWN))
            .upBlocks(blocks("up_block_types", Block::upName, DEFAULT_UP))
            .layersPerBlock(integer("layers_per_block", 2))
            .normGroups(integer("norm_num_groups", 32))
            .normEps(number("norm_eps", 1e-5))
            .attentionHeadDim(integerOrNull("attention_head_dim", 8))
            .attentionNormGroups(integerOrNull("attn_norm_num_groups", null))
            .midAttention(flag("add_attention", true))
            .midBlockScale(number("mid_block_scale_factor", 1))
            .downsamplePadding(integer("downsample_padding", 1))
            .downsampling(oneOf("downsample_type", "conv", RESAMPLINGS))
            .upsampling(oneOf("upsample_type", "conv", RESAMPLINGS))
            .timeEmbeddingDim(timeEmbeddingDim())
            .timeEmbedding(oneOf("time_embedding_type", "positional", TIME_EMBEDDINGS))
            .timeInjection(oneOf("resnet_time_scale_shift", "default", TIME_INJECTIONS))
            .flipSinToCos(flag("flip_sin_to_cos", true))
            .freqShift(number("freq_shift", 0))
            .trainTimesteps(integerOrNull("num_train_timesteps", null))
            .centerInput(flag("center_input_sample", false))
            .dropout(number("dropout", 0));
    Integer classRows = integerOrNull("num_class_embeds", null);
    if (classRows != null) {
      boolean nullClass = flag(NULL_CLASS, false);
      b.classes(nullClass ? classRows - 1 : classRows).nullClass(nullClass);
    }
    if (values.get("class_embed_type") != null) {
      b.classEmbedding(oneOf("class_embed_type", "", CLASS_EMBEDDINGS));
    }
    return b.build();
  }

  private static final List<String> DEFAULT_DOWN =
      List.of("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D");
  private static final List<String> DEFAULT_UP =
      List.of("AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D");
  private static final Map<String, Resampling> RESAMPLINGS =
      Map.of("conv", Resampling.CONV, "resnet", Resampling.RESNET);
  private static final Map<String, TimeEmbedding> TIME_EMBEDDINGS =
      Map.of(
          "positional", TimeEmbedding.POSITIONAL,
          "fourier", TimeEmbedding.FOURIER,
          "learned", TimeEmbedding.LEARNED);
  private static final Map<String, TimeInjection> TIME_INJECTIONS =
      Map.of("default", TimeInjection.ADD, "scale_shift", TimeInjection.SCALE_SHIFT);
  private static final Map<String, ClassEmbedding> CLASS_EMBEDDINGS =
      Map.of("timestep", ClassEmbedding.TIMESTEP);

  /** In Python, 0 is no width either. */
  private @Nullable Integer timeEmbeddingDim() {
    Integer width = integerOrNull(TIME_EMBEDDING_DIM, null);
    return width == null || width == 0 ? null : width;
  }

  private int[] sampleSize() {
    Object size = values.get("sample_size");
    if (size instanceof Number n && n.intValue() == n.doubleValue()) {
      return new int[] {n.intValue(), n.intValue()};
    }
    if (size instanceof List<?> list
        && list.size() == 2
        && list.get(0) instanceof Number h
        && list.get(1) instanceof Number w
        && h.intValue() == h.doubleValue()
        && w.intValue() == w.doubleValue()) {
      return new int[] {h.intValue(), w.intValue()};
    }
    throw new IllegalArgumentException(
        "sample_size must be a whole number or two but was "
            + Shown.text(size)
            + "; give height and width");
  }

  private Block[] blocks(String key, Function<Block, String> nameOf, List<String> byDefault) {
    Map<String, Block> supported = new TreeMap<>();
    for (Block block : Block.values()) {
      supported.put(nameOf.apply(block), block);
    }
    Object value = values.getOrDefault(key, byDefault);
    if (!(value instanceof List<?> names)) {
      throw mustBe(key, "a list of block classes");
    }
    List<Block> blocks = new ArrayList<>();
    for (Object name : names) {
      Block block = name instanceof String text ? supported.get(text) : null;
      if (block == null) {
        throw new IllegalArgumentException(
            key + " must be of " + supported.keySet() + " but one is " + Shown.text(name));
      }
      blocks.add(block);
    }
    return blocks.toArray(Block[]::new);
  }

  private <V> V oneOf(String key, String byDefault, Map<String, V> supported) {
    Object value = values.getOrDefault(key, byDefault);
    V found = value instanceof String name ? supported.get(name) : null;
    if (found == null) {
      throw mustBe(key, "one of " + new TreeSet<>(supported.keySet()));
    }
    return found;
  }

  private boolean flag(String key, boolean byDefault) {
    Object value = values.getOrDefault(key, byDefault);
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw mustBe(key, "true or false");
  }

  private double number(String key, double byDefault) {
    Object value = values.getOrDefault(key, byDefault);
    if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw mustBe(key, "a finite number");
  }

  private int integer(String key, int byDefault) {
    Integer value = integerOrNull(key, byDefault);
    if (value == null) {
      throw mustBe(key, "a whole number");
    }
    return value;
  }

  private @Nullable Integer integerOrNull(String key, @Nullable Integer byDefault) {
    Object value = values.containsKey(key) ? values.get(key) : byDefault;
    if (value == null) {
      return null;
    }
    if (value instanceof Number number && number.intValue() == number.doubleValue()) {
      return number.intValue();
    }
    throw mustBe(key, "a whole number");
  }

  private Integer[] integers(String key, Integer... byDefault) {
    Object value = values.getOrDefault(key, Arrays.asList(byDefault));
    if (!(value instanceof List<?> list)) {
      throw mustBe(key, "a list of whole numbers");
    }
    Integer[] numbers = new Integer[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      if (!(list.get(i) instanceof Number number) || number.intValue() != number.doubleValue()) {
        throw mustBe(key, "a list of whole numbers");
      }
      numbers[i] = number.intValue();
    }
    return numbers;
  }

  private IllegalArgumentException mustBe(String key, String what) {
    return new IllegalArgumentException(
        key + " must be " + what + " but was " + Shown.text(values.get(key)));
  }
}
