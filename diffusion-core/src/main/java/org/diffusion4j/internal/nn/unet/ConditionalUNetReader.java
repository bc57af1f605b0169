package org.diffusion4j.internal.nn.unet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.JsonSettings;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Block;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Labels;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Level;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Middle;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.MiddleBlock;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Style;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Text;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.TextTime;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Time;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Way;
import org.jspecify.annotations.Nullable;

/** Reads a {@link ConditionalUNet} from diffusers' settings, and checks that they fit together. */
final class ConditionalUNetReader {

  private static final int MOST_LEVELS = 16;
  private static final int MOST_LAYERS = 64;
  private static final int MOST_CHANNELS = 1 << 16;
  private static final int MOST_PIXELS = 1 << 14;
  private static final int MOST_TOKENS = 1 << 16;

  private static final Map<String, ActivationFunction> ACTIVATIONS =
      Map.of(
          "silu", ActivationFunction.SILU,
          "swish", ActivationFunction.SILU,
          "mish", ActivationFunction.MISH,
          "gelu", ActivationFunction.GELU,
          "relu", ActivationFunction.RELU);
  private static final Map<String, MiddleBlock> MIDDLES =
      Map.of(
          "UNetMidBlock2DCrossAttn",
          MiddleBlock.CROSS_ATTENTION,
          "UNetMidBlock2D",
          MiddleBlock.RESIDUAL);
  private static final Map<String, LabelEmbedding> LABELS =
      Map.of(
          "timestep", LabelEmbedding.TIMESTEP,
          "projection", LabelEmbedding.PROJECTION,
          "simple_projection", LabelEmbedding.SIMPLE_PROJECTION,
          "identity", LabelEmbedding.IDENTITY);

  private final Map<String, @Nullable Object> settings;
  private final JsonSettings json;

  ConditionalUNetReader(Map<String, ? extends @Nullable Object> settings) {
    this.settings = ConditionalUNetSettings.withOwn(settings);
    json = new JsonSettings(this.settings);
  }

  ConditionalUNet read() {
    refuseUnsupported();
    int[] size = size();
    List<Level> levels = levels(size[0], size[1]);
    Time time = time(levels.get(0).channels());
    int base = levels.get(0).channels();
    requireFrequencies("channels of the first level", base);
    Middle middle = middle();
    Labels labels = labels(time.channels());
    Optional<TextTime> textTime = textTime();
    require(
        !labels.concatenated() || textTime.isEmpty(),
        "class_embeddings_concat must be false with an addition_embed_type but was true");
    ConditionalUNet net =
        new ConditionalUNet(
            channels("in_channels"),
            channels("out_channels"),
            size[0],
            size[1],
            levels,
            middle,
            text(levels, middle),
            time,
            labels,
            textTime,
            style(levels),
            kernel("conv_in_kernel"),
            kernel("conv_out_kernel"),
            json.flag("center_input_sample"),
            in("downsample_padding", json.integer("downsample_padding"), 0, 1),
            json.flag("use_linear_projection"),
            json.flag(ConditionalUNetSettings.RESIDUALS));
    require(
        textTime.isEmpty() || net.readsText(),
        "addition_embed_type must be null without cross-attention but was \"text_time\"");
    return net;
  }

  /** Settings that change the network in a way that this library does not know. */
  private void refuseUnsupported() {
    requireOneOf("attention_type", "default");
    requireOneOf("num_attention_heads", (Object) null);
    requireOneOf("cross_attention_norm", (Object) null);
    requireOneOf("dual_cross_attention", false);
    requireOneOf("encoder_hid_dim_type", null, "text_proj");
    requireOneOf("addition_embed_type", null, "text_time");
    requireOneOf("time_embedding_type", "positional", "fourier");
    requireOneOf("resnet_time_scale_shift", "default", "scale_shift");
    json.flag("upcast_attention"); // Without effect on floats.
  }

  private void requireOneOf(String key, @Nullable Object... supported) {
    List<@Nullable Object> all = Arrays.asList(supported);
    require(
        all.contains(settings.get(key)),
        key
            + " must be "
            + (all.size() == 1 ? String.valueOf(all.get(0)) : "one of " + all)
            + " but was "
            + Shown.text(settings.get(key)));
  }

  private int[] size() {
    int[] size;
    try {
      size = json.oneOrTwo("sample_size");
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(e.getMessage() + "; give height and width", e);
    }
    in("height", size[0], 1, MOST_PIXELS);
    in("width", size[1], 1, MOST_PIXELS);
    return size;
  }

  private int channels(String key) {
    return in(key, json.integer(key), 1, MOST_CHANNELS);
  }

  private int kernel(String key) {
    int size = in(key, json.integer(key), 1, 15);
    require(size % 2 == 1, key + " must be odd but was " + size);
    return size;
  }

  private OptionalInt optional(String key) {
    Integer value = json.integerOrNull(key);
    return value == null ? OptionalInt.empty() : OptionalInt.of(in(key, value, 1, MOST_CHANNELS));
  }

  private Optional<ActivationFunction> activation(String key) {
    return settings.get(key) == null ? Optional.empty() : Optional.of(json.oneOf(key, ACTIVATIONS));
  }

  private Time time(int base) {
    boolean fourier = "fourier".equals(settings.get("time_embedding_type"));
    Integer dim = json.integerOrNull("time_embedding_dim");
    // In Python, 0 also means that no width is set.
    int channels = dim == null || dim == 0 ? (fourier ? 2 : 4) * base : dim;
    in("time_embedding_dim", channels, 1, 4 * MOST_CHANNELS);
    require(
        !fourier || channels % 2 == 0,
        "time_embedding_dim must be even for a Fourier embedding but was " + channels);
    return new Time(
        fourier,
        channels,
        json.flag("flip_sin_to_cos"),
        json.number("freq_shift"),
        optional("time_cond_proj_dim"),
        activation("timestep_post_act"),
        activation("time_embedding_act_fn"));
  }

  private void requireFrequencies(String what, int channels) {
    require(channels % 2 == 0, what + " must be even but were " + channels);
    double shift = json.number("freq_shift");
    require(
        channels / 2 > shift, "freq_shift must be less than " + channels / 2 + " but was " + shift);
  }

  private List<Level> levels(int height, int width) {
    List<Integer> channels = List.of(json.integers("block_out_channels"));
    int count = channels.size();
    in("number of levels", count, 1, MOST_LEVELS);
    channels.forEach(c -> in("block_out_channels", c, 1, MOST_CHANNELS));
    List<Block> down = json.allOf("down_block_types", "blocks", blocks(block -> block.down));
    List<Block> up = json.allOf("up_block_types", "blocks", blocks(block -> block.up));
    requireCount("down_block_types", down, count);
    requireCount("up_block_types", up, count);
    List<?> layers = perLevel("layers_per_block", count);
    List<?> heads = perLevel("attention_head_dim", count);
    List<?> only = perLevel("only_cross_attention", count);
    List<?> transformers = perLevel("transformer_layers_per_block", count);
    List<?> upTransformers = upTransformers(transformers);
    List<Level> levels = new ArrayList<>();
    int h = height;
    int w = width;
    for (int i = 0; i < count; i++) {
      int blocks =
          in("layers_per_block", integer("layers_per_block", layers.get(i)), 1, MOST_LAYERS);
      int head =
          in("attention_head_dim", integer("attention_head_dim", heads.get(i)), 1, MOST_CHANNELS);
      int fromUp = count - 1 - i;
      // diffusers does not reverse the sizes of heads for the way up.
      int upHead =
          in(
              "attention_head_dim",
              integer("attention_head_dim", heads.get(fromUp)),
              1,
              MOST_CHANNELS);
      Level level =
          new Level(
              channels.get(i),
              head,
              flag("only_cross_attention", only.get(i)),
              way(down.get(i), blocks, head, transformers.get(i)),
              way(up.get(fromUp), blocks + 1, upHead, upTransformers.get(fromUp)),
              h,
              w);
      requireDivisors(level);
      levels.add(level);
      if (i < count - 1) {
        boolean roundsUp = down.get(i) != Block.RESNET && json.integer("downsample_padding") == 1;
        h = (h + (roundsUp ? 1 : 0)) / 2;
        w = (w + (roundsUp ? 1 : 0)) / 2;
      }
    }
    requireSizes(levels);
    return levels;
  }

  private static Map<String, Block> blocks(Function<Block, String> name) {
    return Arrays.stream(Block.values()).collect(Collectors.toMap(name, block -> block));
  }

  private static void requireCount(String key, List<?> values, int count) {
    require(
        values.size() == count,
        key + " must be as many as block_out_channels, " + count + ", but were " + values.size());
  }

  /** A list with a value for each level, or one value for all. */
  private List<?> perLevel(String key, int count) {
    Object value = settings.get(key);
    if (value instanceof List<?> list) {
      requireCount(key, list, count);
      return list;
    }
    return Collections.nCopies(count, value);
  }

  /** The numbers of transformer layers in the order of the way up. */
  private List<?> upTransformers(List<?> down) {
    String key = "reverse_transformer_layers_per_block";
    if (settings.get(key) instanceof List<?> list) {
      requireCount(key, list, down.size());
      return list;
    }
    require(settings.get(key) == null, key + " must be a list or null");
    require(
        down.stream().noneMatch(List.class::isInstance),
        key + " must be set where transformer_layers_per_block has lists but was null");
    List<Object> reversed = new ArrayList<>(down);
    Collections.reverse(reversed);
    return reversed;
  }

  private Way way(Block block, int layers, int headChannels, @Nullable Object transformers) {
    String key = "transformer_layers_per_block";
    if (block != Block.CROSS_ATTENTION) {
      return new Way(block, layers, headChannels, List.of());
    }
    List<?> counts =
        transformers instanceof List<?> list ? list : Collections.nCopies(layers, transformers);
    require(
        counts.size() >= layers,
        key + " must be " + layers + " for a level's residual blocks but were " + counts.size());
    return new Way(block, layers, headChannels, counts.stream().map(this::transformers).toList());
  }

  private int transformers(@Nullable Object count) {
    String key = "transformer_layers_per_block";
    return in(key, integer(key, count), 0, MOST_LAYERS);
  }

  private void requireDivisors(Level level) {
    int groups = in("norm_num_groups", json.integer("norm_num_groups"), 1, MOST_CHANNELS);
    requireDivides("norm_num_groups", groups, level.channels());
    for (Way way : List.of(level.down(), level.up())) {
      if (way.crosses()) {
        requireDivides(
            "attention_head_dim, which is the number of heads,", level.heads(), level.channels());
      } else if (way.block() == Block.ATTENTION) {
        requireDivides("attention_head_dim", way.headChannels(), level.channels());
      }
    }
  }

  private static void requireDivides(String what, int divisor, int channels) {
    require(
        channels % divisor == 0,
        what + " must divide the channels of its level, " + channels + ", but was " + divisor);
  }

  /** Checks that every size can be halved, and doubled again. */
  private static void requireSizes(List<Level> levels) {
    Level first = levels.get(0);
    for (int i = 1; i < levels.size(); i++) {
      Level level = levels.get(i);
      Level above = levels.get(i - 1);
      require(
          level.height() >= 1 && level.width() >= 1,
          "height and width must be large enough for "
              + levels.size()
              + " levels but were "
              + first.height()
              + " x "
              + first.width());
      // A residual block that doubles, and that of attention, are not told the size in diffusers.
      boolean fits = level.up().block() == Block.PLAIN || level.up().crosses();
      require(
          fits || (above.height() == 2 * level.height() && above.width() == 2 * level.width()),
          "height and width must be divisible by "
              + (1 << (levels.size() - 1))
              + " with "
              + level.up().block().up
              + " but were "
              + first.height()
              + " x "
              + first.width());
    }
  }

  private Middle middle() {
    double divisor = json.number("mid_block_scale_factor");
    require(divisor > 0, "mid_block_scale_factor must be positive but was " + divisor);
    if (settings.get("mid_block_type") == null) {
      return new Middle(MiddleBlock.NONE, 0, divisor);
    }
    MiddleBlock block = json.oneOf("mid_block_type", MIDDLES);
    Object count = settings.get("transformer_layers_per_block");
    // The first of the last level's: diffusers' middle has one transformer.
    for (int depth = 0; depth < 2 && count instanceof List<?> list; depth++) {
      require(!list.isEmpty(), "transformer_layers_per_block must not be empty");
      count = list.get(depth == 0 ? list.size() - 1 : 0);
    }
    int transformers = block == MiddleBlock.CROSS_ATTENTION ? transformers(count) : 0;
    if (block == MiddleBlock.CROSS_ATTENTION) {
      Object heads = settings.get("attention_head_dim");
      int last =
          integer(
              "attention_head_dim",
              heads instanceof List<?> list ? list.get(list.size() - 1) : heads);
      Integer[] channels = json.integers("block_out_channels");
      requireDivides(
          "attention_head_dim, which is the number of heads,", last, channels[channels.length - 1]);
    }
    return new Middle(block, transformers, divisor);
  }

  private Text text(List<Level> levels, Middle middle) {
    List<?> widths = perLevel("cross_attention_dim", levels.size());
    List<Integer> used = new ArrayList<>();
    for (int i = 0; i < levels.size(); i++) {
      Level level = levels.get(i);
      boolean last = i == levels.size() - 1 && middle.block() == MiddleBlock.CROSS_ATTENTION;
      if (last || level.down().crosses() || level.up().crosses()) {
        used.add(
            in(
                "cross_attention_dim",
                integer("cross_attention_dim", widths.get(i)),
                1,
                MOST_CHANNELS));
      }
    }
    require(
        used.stream().distinct().count() <= 1,
        "cross_attention_dim must be the same for every level with cross-attention but was "
            + used);
    int cross = used.isEmpty() ? 1 : used.get(0);
    OptionalInt given = optional("encoder_hid_dim");
    require(
        given.isPresent() || settings.get("encoder_hid_dim_type") == null,
        "encoder_hid_dim must be set with an encoder_hid_dim_type but was null");
    String tokens = ConditionalUNetSettings.TOKENS;
    return new Text(
        given.orElse(cross),
        cross,
        given.isPresent(),
        in(tokens, json.integer(tokens), 1, MOST_TOKENS),
        json.flag(ConditionalUNetSettings.TOKEN_MASK));
  }

  private Labels labels(int timeChannels) {
    boolean concatenated = json.flag("class_embeddings_concat");
    boolean nullClass = json.flag(ConditionalUNetSettings.NULL_CLASS);
    OptionalInt rows = optional("num_class_embeds");
    LabelEmbedding embedding =
        settings.get("class_embed_type") != null
            ? json.oneOf("class_embed_type", LABELS)
            : rows.isPresent() ? LabelEmbedding.TABLE : LabelEmbedding.NONE;
    require(
        !concatenated || embedding != LabelEmbedding.NONE,
        "class_embeddings_concat must be false without a class embedding but was true");
    require(
        !nullClass || (embedding == LabelEmbedding.TABLE && rows.getAsInt() > 1),
        ConditionalUNetSettings.NULL_CLASS
            + " must be false without a table of at least two classes but was true");
    int size =
        switch (embedding) {
          case TABLE -> rows.getAsInt();
          case PROJECTION, SIMPLE_PROJECTION ->
              required("projection_class_embeddings_input_dim", "class_embed_type");
          case IDENTITY -> timeChannels;
          default -> 1;
        };
    return new Labels(embedding, size, nullClass, concatenated);
  }

  private int required(String key, String with) {
    require(
        settings.get(key) != null,
        key + " must be set with " + with + " " + Shown.text(settings.get(with)) + " but was null");
    return in(key, json.integer(key), 1, MOST_CHANNELS);
  }

  private Optional<TextTime> textTime() {
    if (settings.get("addition_embed_type") == null) {
      return Optional.empty();
    }
    int all = required("projection_class_embeddings_input_dim", "addition_embed_type");
    int each = required("addition_time_embed_dim", "addition_embed_type");
    requireFrequencies("addition_time_embed_dim", each);
    String key = ConditionalUNetSettings.TIME_IDS;
    int ids = in(key, json.integer(key), 1, MOST_CHANNELS);
    long pooled = all - (long) ids * each;
    require(
        pooled >= 1,
        "projection_class_embeddings_input_dim must be more than "
            + ids
            + " times addition_time_embed_dim, "
            + each
            + ", but was "
            + all);
    return Optional.of(new TextTime((int) pooled, ids, each));
  }

  private Style style(List<Level> levels) {
    double eps = json.number("norm_eps");
    require(eps > 0, "norm_eps must be positive but was " + eps);
    double dropout = json.number("dropout");
    require(dropout >= 0 && dropout < 1, "dropout must be in [0, 1) but was " + dropout);
    double divisor = json.number("resnet_out_scale_factor");
    require(divisor > 0, "resnet_out_scale_factor must be positive but was " + divisor);
    return new Style(
        json.integer("norm_num_groups"),
        eps,
        json.oneOf("act_fn", ACTIVATIONS),
        "scale_shift".equals(settings.get("resnet_time_scale_shift")),
        dropout,
        json.flag("resnet_skip_time_act"),
        divisor);
  }

  private static int integer(String key, @Nullable Object value) {
    if (value instanceof Long number && number.intValue() == number) {
      return number.intValue();
    }
    throw new IllegalArgumentException(
        key + " must be of whole numbers but one is " + Shown.text(value));
  }

  private static boolean flag(String key, @Nullable Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw new IllegalArgumentException(
        key + " must be of booleans but one is " + Shown.text(value));
  }

  private static int in(String what, int value, int least, int most) {
    require(
        value >= least && value <= most,
        what + " must be in [" + least + ", " + most + "] but was " + value);
    return value;
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
