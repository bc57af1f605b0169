package org.diffusion4j.internal.nn.unet;

import static org.diffusion4j.internal.nn.unet.UNetSettings.MOST_CHANNELS;
import static org.diffusion4j.internal.nn.unet.UNetSettings.in;
import static org.diffusion4j.internal.nn.unet.UNetSettings.integer;
import static org.diffusion4j.internal.nn.unet.UNetSettings.require;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.diffusion4j.internal.nn.ActivationFunction;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.LabelEmbedding;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Labels;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Level;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Middle;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.MiddleBlock;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Style;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Text;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.TextTime;
import org.diffusion4j.internal.nn.unet.ConditionalUNet.Time;
import org.jspecify.annotations.Nullable;

/** Reads a {@link ConditionalUNet} from diffusers' settings, and checks that they fit together. */
final class ConditionalUNetReader {

  private static final int MOST_PIXELS = 1 << 14;
  private static final int MOST_TOKENS = 1 << 16;

  private static final Map<String, LabelEmbedding> LABELS =
      Map.of(
          "timestep", LabelEmbedding.TIMESTEP,
          "projection", LabelEmbedding.PROJECTION,
          "simple_projection", LabelEmbedding.SIMPLE_PROJECTION,
          "identity", LabelEmbedding.IDENTITY);

  private final UNetSettings settings;

  ConditionalUNetReader(Map<String, ? extends @Nullable Object> settings) {
    this.settings = new UNetSettings(ConditionalUNetSettings.withOwn(settings));
  }

  ConditionalUNet read() {
    refuseUnsupported();
    int[] size = size();
    LevelsReader reader = new LevelsReader(settings);
    List<Level> levels = reader.levels(size[0], size[1]);
    Time time = time(levels.get(0).channels());
    int base = levels.get(0).channels();
    requireFrequencies("channels of the first level", base);
    Middle middle = reader.middle(levels.get(levels.size() - 1));
    Labels labels = labels(time.channels());
    Optional<TextTime> textTime = textTime();
    require(
        !labels.concatenated() || textTime.isEmpty(),
        "class_embeddings_concat must be false with an addition_embed_type but was true");
    ConditionalUNet net =
        new ConditionalUNet(
            settings.channels("in_channels"),
            settings.channels("out_channels"),
            size[0],
            size[1],
            levels,
            middle,
            text(levels, middle),
            time,
            labels,
            textTime,
            style(),
            kernel("conv_in_kernel"),
            kernel("conv_out_kernel"),
            settings.flag("center_input_sample"),
            settings.integer("downsample_padding", 0, 1),
            settings.flag("use_linear_projection"),
            settings.flag(ConditionalUNetSettings.RESIDUALS));
    require(
        textTime.isEmpty() || net.readsText(),
        "addition_embed_type must be null without cross-attention but was \"text_time\"");
    return net;
  }

  /** Settings that change the network in a way that this library does not know. */
  private void refuseUnsupported() {
    settings.requireOneOf("attention_type", "default");
    settings.requireOneOf("num_attention_heads", (Object) null);
    settings.requireOneOf("cross_attention_norm", (Object) null);
    settings.requireOneOf("dual_cross_attention", false);
    settings.requireOneOf("encoder_hid_dim_type", null, "text_proj");
    settings.requireOneOf("addition_embed_type", null, "text_time");
    settings.requireOneOf("time_embedding_type", "positional", "fourier");
    settings.requireOneOf("resnet_time_scale_shift", "default", "scale_shift");
    settings.flag("upcast_attention"); // Without effect on floats.
  }

  private int[] size() {
    int[] size;
    try {
      size = settings.oneOrTwo("sample_size");
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(e.getMessage() + "; give height and width", e);
    }
    in("height", size[0], 1, MOST_PIXELS);
    in("width", size[1], 1, MOST_PIXELS);
    return size;
  }

  private int kernel(String key) {
    int size = settings.integer(key, 1, 15);
    require(size % 2 == 1, key + " must be odd but was " + size);
    return size;
  }

  private Optional<ActivationFunction> activation(String key) {
    return settings.isNull(key)
        ? Optional.empty()
        : Optional.of(settings.oneOf(key, ActivationFunction.BY_NAME));
  }

  private Time time(int base) {
    boolean fourier = "fourier".equals(settings.get("time_embedding_type"));
    Integer dim = settings.integerOrNull("time_embedding_dim");
    // In Python, 0 also means that no width is set.
    int channels = dim == null || dim == 0 ? (fourier ? 2 : 4) * base : dim;
    in("time_embedding_dim", channels, 1, 4 * MOST_CHANNELS);
    require(
        !fourier || channels % 2 == 0,
        "time_embedding_dim must be even for a Fourier embedding but was " + channels);
    return new Time(
        fourier,
        channels,
        settings.flag("flip_sin_to_cos"),
        settings.number("freq_shift"),
        settings.channelsOrNull("time_cond_proj_dim"),
        activation("timestep_post_act"),
        activation("time_embedding_act_fn"));
  }

  private void requireFrequencies(String what, int channels) {
    require(channels % 2 == 0, what + " must be even but were " + channels);
    double shift = settings.number("freq_shift");
    require(
        channels / 2 > shift, "freq_shift must be less than " + channels / 2 + " but was " + shift);
  }

  private Text text(List<Level> levels, Middle middle) {
    List<?> widths = settings.perLevel("cross_attention_dim", levels.size());
    List<Integer> used = new ArrayList<>();
    for (int i = 0; i < levels.size(); i++) {
      Level level = levels.get(i);
      boolean last = i == levels.size() - 1 && middle.block() == MiddleBlock.CROSS_ATTENTION;
      if (last || level.down().crosses() || level.up().crosses()) {
        used.add(integer("cross_attention_dim", widths.get(i), 1, MOST_CHANNELS));
      }
    }
    require(
        used.stream().distinct().count() <= 1,
        "cross_attention_dim must be the same for every level with cross-attention but was "
            + used);
    int cross = used.isEmpty() ? 1 : used.get(0);
    OptionalInt given = settings.channelsOrNull("encoder_hid_dim");
    require(
        given.isPresent() || settings.isNull("encoder_hid_dim_type"),
        "encoder_hid_dim must be set with an encoder_hid_dim_type but was null");
    String tokens = ConditionalUNetSettings.TOKENS;
    return new Text(
        given.orElse(cross),
        cross,
        given.isPresent(),
        settings.integer(tokens, 1, MOST_TOKENS),
        settings.flag(ConditionalUNetSettings.TOKEN_MASK));
  }

  private Labels labels(int timeChannels) {
    boolean concatenated = settings.flag("class_embeddings_concat");
    boolean nullClass = settings.flag(ConditionalUNetSettings.NULL_CLASS);
    OptionalInt rows = settings.channelsOrNull("num_class_embeds");
    LabelEmbedding embedding =
        !settings.isNull("class_embed_type")
            ? settings.oneOf("class_embed_type", LABELS)
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
              settings.channelsFor("projection_class_embeddings_input_dim", "class_embed_type");
          case IDENTITY -> timeChannels;
          default -> 1;
        };
    return new Labels(embedding, size, nullClass, concatenated);
  }

  private Optional<TextTime> textTime() {
    if (settings.isNull("addition_embed_type")) {
      return Optional.empty();
    }
    int all = settings.channelsFor("projection_class_embeddings_input_dim", "addition_embed_type");
    int each = settings.channelsFor("addition_time_embed_dim", "addition_embed_type");
    requireFrequencies("addition_time_embed_dim", each);
    String key = ConditionalUNetSettings.TIME_IDS;
    int ids = settings.channels(key);
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

  private Style style() {
    double dropout = settings.number("dropout");
    require(dropout >= 0 && dropout < 1, "dropout must be in [0, 1) but was " + dropout);
    return new Style(
        settings.channels("norm_num_groups"),
        settings.positive("norm_eps"),
        settings.oneOf("act_fn", ActivationFunction.BY_NAME),
        "scale_shift".equals(settings.get("resnet_time_scale_shift")),
        dropout,
        settings.flag("resnet_skip_time_act"),
        settings.positive("resnet_out_scale_factor"));
  }
}
