package org.diffusion4j.internal.nn.unet;

import org.diffusion4j.internal.nn.FeatureMap;
import org.diffusion4j.internal.nn.Layers;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;

/**
 * Transformers over the pixels of a level that attend to text: Latent Diffusion (Rombach et al.
 * 2022), section 3.3 and appendix E.2.1.
 */
final class TransformerBlocks {

  /** Of the group normalisation before a transformer, whatever the other ones have. */
  private static final double GROUP_NORM_EPS = 1e-6;

  private static final double LAYER_NORM_EPS = 1e-5;

  private final Layers layers;
  private final int groups;
  private final boolean linearProjection;
  private final Context text;

  /**
   * What cross-attention attends to.
   *
   * @param rows {@code [n * tokens, width]}
   * @param bias added to the scores, {@code [n, 1, 1, tokens]}, or null
   */
  record Context(SDVariable rows, int tokens, int width, @Nullable SDVariable bias) {}

  TransformerBlocks(Layers layers, int groups, boolean linearProjection, Context text) {
    this.layers = layers;
    this.groups = groups;
    this.linearProjection = linearProjection;
    this.text = text;
  }

  /**
   * A transformer, with a residual connection.
   *
   * @param count number of its layers
   * @param onlyCross whether the first attention of each attends to the text, too
   */
  FeatureMap transformer(String name, FeatureMap in, int heads, int count, boolean onlyCross) {
    int channels = in.channels();
    SDVariable y = layers.groupNorm(name + ".norm", in, groups, GROUP_NORM_EPS);
    String first = name + ".proj_in";
    SDVariable rows =
        linearProjection
            ? layers.dense(first, rows(y, channels), channels, channels)
            : rows(layers.conv(first, y, channels, channels, 1), channels);
    for (int i = 0; i < count; i++) {
      rows = layer(name + ".transformer_blocks." + i, rows, in, heads, onlyCross);
    }
    String last = name + ".proj_out";
    y =
        linearProjection
            ? image(layers.dense(last, rows, channels, channels), in)
            : layers.conv(last, image(rows, in), channels, channels, 1);
    return in.of(in.value().add(y), channels);
  }

  /** Attention, cross-attention and two dense layers, each with a residual connection. */
  private SDVariable layer(String name, SDVariable x, FeatureMap of, int heads, boolean onlyCross) {
    int channels = of.channels();
    int pixels = of.height() * of.width();
    SDVariable y = layers.layerNorm(name + ".norm1", x, channels, LAYER_NORM_EPS);
    // The mask is for the second attention only, as in diffusers.
    Context first =
        onlyCross
            ? new Context(text.rows, text.tokens, text.width, null)
            : new Context(y, pixels, channels, null);
    SDVariable h = x.add(attention(name + ".attn1", y, first, pixels, channels, heads));
    y = layers.layerNorm(name + ".norm2", h, channels, LAYER_NORM_EPS);
    h = h.add(attention(name + ".attn2", y, text, pixels, channels, heads));
    y = layers.layerNorm(name + ".norm3", h, channels, LAYER_NORM_EPS);
    return h.add(feedForward(name + ".ff.net", y, channels));
  }

  private SDVariable attention(
      String name, SDVariable x, Context to, int pixels, int channels, int heads) {
    SDVariable q = layers.denseWithoutBias(name + ".to_q", x, channels, channels);
    SDVariable k = layers.denseWithoutBias(name + ".to_k", to.rows, to.width, channels);
    SDVariable v = layers.denseWithoutBias(name + ".to_v", to.rows, to.width, channels);
    SDVariable mixed = layers.attention(q, k, v, pixels, to.tokens, channels, heads, to.bias);
    return layers.dense(name + ".to_out.0", mixed, channels, channels);
  }

  /** A gated linear unit with GELU, and a dense layer: Shazeer 2020. */
  private SDVariable feedForward(String name, SDVariable x, int channels) {
    int inner = 4 * channels;
    SDVariable both = layers.dense(name + ".0.proj", x, channels, 2 * inner);
    SDVariable[] halves = layers.sd.split(both, 2, 1);
    return layers.dense(name + ".2", halves[0].mul(layers.gelu(halves[1])), inner, channels);
  }

  /** {@code [n, channels, height, width]} as {@code [n * pixels, channels]}. */
  private SDVariable rows(SDVariable image, int channels) {
    return layers.sd.reshape(layers.sd.permute(image, 0, 2, 3, 1), -1, channels);
  }

  private SDVariable image(SDVariable rows, FeatureMap of) {
    SDVariable last = layers.sd.reshape(rows, -1, of.height(), of.width(), of.channels());
    return layers.sd.permute(last, 0, 3, 1, 2);
  }
}
