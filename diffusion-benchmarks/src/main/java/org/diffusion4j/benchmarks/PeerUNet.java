package org.diffusion4j.benchmarks;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * diffusers' {@code UNet2DModel} or {@code UNet2DConditionModel}, layer by layer, implemented with
 * a peer. Activations are released as soon as possible; otherwise libtorch needs far more memory.
 *
 * @param <T> a tensor of the peer
 */
final class PeerUNet<T> {

  private final Net net;
  private final PeerLayers<T> layers;
  private final int timeChannels;

  PeerUNet(Net net, PeerLayers<T> layers) {
    this.net = net;
    this.layers = layers;
    this.timeChannels = 4 * net.base();
  }

  /**
   * What all blocks get.
   *
   * @param time the embedding of the timesteps
   * @param text the embeddings of the texts, if the network takes them
   */
  private record Given<T>(T time, @Nullable T text) {}

  /** An activation and its number of channels. */
  private record Activation<T>(T value, int channels) {}

  /**
   * The prediction.
   *
   * @param x {@code [batch, channels, size, size]}
   * @param t timesteps {@code [batch, 1]}
   * @param text embeddings {@code [batch, tokens, width]}, if the network takes them
   * @return of the shape of {@code x}
   */
  T forward(T x, T t, @Nullable T text) {
    Given<T> given = new Given<>(time(t), text);
    Deque<Activation<T>> skips = new ArrayDeque<>();
    down(layers.conv("in", x, net.channels(), net.base(), 3, 1), given, skips);
    T h = up(middle(skips.getFirst(), given), given, skips);
    T y = normalised("out.norm", h, net.base());
    layers.release(h);
    T out = layers.conv("out", y, net.base(), net.channels(), 3, 1);
    layers.release(y);
    return out;
  }

  private T time(T t) {
    T features = layers.timeFeatures(t, net.base());
    T y = layers.dense("time1", features, net.base(), timeChannels);
    y = layers.dense("time2", layers.silu(y), timeChannels, timeChannels);
    return layers.silu(y);
  }

  /** The way down; the way up needs all activations in reverse order. */
  private void down(T h, Given<T> given, Deque<Activation<T>> skips) {
    int channels = net.base();
    skips.push(new Activation<>(h, channels));
    for (int level = 0; level < net.levels(); level++) {
      int out = net.channels(level);
      for (int layer = 0; layer < Net.LAYERS; layer++) {
        h = block("down." + level + "." + layer, h, given, channels, level);
        channels = out;
        skips.push(new Activation<>(h, channels));
      }
      if (level < net.levels() - 1) {
        h = layers.conv("down." + level, h, channels, channels, 3, 2);
        skips.push(new Activation<>(h, channels));
      }
    }
  }

  private Activation<T> middle(Activation<T> in, Given<T> given) {
    int channels = in.channels;
    T first = residual("middle.0", in.value, given, channels, channels);
    T attended = attention("middle.attention", first, given, channels);
    layers.release(first);
    T second = residual("middle.1", attended, given, channels, channels);
    layers.release(attended);
    return new Activation<>(second, channels);
  }

  private T up(Activation<T> in, Given<T> given, Deque<Activation<T>> skips) {
    T h = in.value;
    int channels = in.channels;
    for (int level = net.levels() - 1; level >= 0; level--) {
      for (int layer = 0; layer <= Net.LAYERS; layer++) {
        Activation<T> skip = skips.pop();
        T both = layers.concat(h, skip.value);
        layers.release(h);
        layers.release(skip.value);
        h = block("up." + level + "." + layer, both, given, channels + skip.channels, level);
        layers.release(both);
        channels = net.channels(level);
      }
      if (level > 0) {
        T larger = layers.upsample(h);
        layers.release(h);
        h = layers.conv("up." + level, larger, channels, channels, 3, 1);
        layers.release(larger);
      }
    }
    return h;
  }

  /** A residual block, followed by attention if the level has it. */
  private T block(String name, T x, Given<T> given, int in, int level) {
    int out = net.channels(level);
    T y = residual(name, x, given, in, out);
    if (!net.attends(level)) {
      return y;
    }
    T attended = attention(name + ".attention", y, given, out);
    layers.release(y);
    return attended;
  }

  private T residual(String name, T x, Given<T> given, int in, int out) {
    T a = normalised(name + ".norm1", x, in);
    T b = layers.conv(name + ".conv1", a, in, out, 3, 1);
    layers.release(a);
    T shift = layers.dense(name + ".time", given.time, timeChannels, out);
    T c = layers.addToChannels(b, shift, out);
    layers.release(b);
    T d = normalised(name + ".norm2", c, out);
    layers.release(c);
    T e = layers.conv(name + ".conv2", d, out, out, 3, 1);
    layers.release(d);
    T shortcut = in == out ? x : layers.conv(name + ".shortcut", x, in, out, 1, 1);
    T sum = layers.add(shortcut, e);
    layers.release(e);
    if (in != out) {
      layers.release(shortcut);
    }
    return sum;
  }

  private T attention(String name, T x, Given<T> given, int channels) {
    return given.text == null
        ? selfAttention(name, x, channels)
        : transformer(name, x, given.text, channels);
  }

  private T selfAttention(String name, T x, int channels) {
    T normal = layers.groupNorm(name + ".norm", x, channels);
    T qkv = layers.conv(name + ".qkv", normal, channels, 3 * channels, 1, 1);
    layers.release(normal);
    T attended = layers.attend(qkv, channels);
    layers.release(qkv);
    T out = layers.conv(name + ".out", attended, channels, channels, 1, 1);
    layers.release(attended);
    T sum = layers.add(x, out);
    layers.release(out);
    return sum;
  }

  /** Self-attention, attention to the text, and a gated layer, each beside its input. */
  private T transformer(String name, T x, T text, int channels) {
    T normal = layers.groupNorm(name + ".norm", x, channels);
    T projected = layers.conv(name + ".in", normal, channels, channels, 1, 1);
    layers.release(normal);
    T h = layers.toRows(projected, channels);
    layers.release(projected);
    T a = layers.layerNorm(name + ".norm1", h, channels);
    h = sum(h, heads(name + ".attn1", a, a, channels, channels));
    layers.release(a);
    T b = layers.layerNorm(name + ".norm2", h, channels);
    h = sum(h, heads(name + ".attn2", b, text, channels, Net.TEXT_WIDTH));
    layers.release(b);
    T c = layers.layerNorm(name + ".norm3", h, channels);
    h = sum(h, gated(name + ".ff", c, channels));
    layers.release(c);
    T pixels = layers.toPixels(h, x, channels);
    layers.release(h);
    T out = layers.conv(name + ".out", pixels, channels, channels, 1, 1);
    layers.release(pixels);
    T sum = layers.add(x, out);
    layers.release(out);
    return sum;
  }

  private T heads(String name, T x, T context, int channels, int contextChannels) {
    T q = layers.rowsDense(name + ".q", x, channels, channels, false);
    T k = layers.rowsDense(name + ".k", context, contextChannels, channels, false);
    T v = layers.rowsDense(name + ".v", context, contextChannels, channels, false);
    T attended = layers.attend(q, k, v, channels, Net.HEADS);
    layers.release(q);
    layers.release(k);
    layers.release(v);
    T out = layers.rowsDense(name + ".out", attended, channels, channels, true);
    layers.release(attended);
    return out;
  }

  private T gated(String name, T x, int channels) {
    T both = layers.rowsDense(name + ".in", x, channels, 8 * channels, true);
    T gated = layers.geglu(both, 4 * channels);
    layers.release(both);
    T out = layers.rowsDense(name + ".out", gated, 4 * channels, channels, true);
    layers.release(gated);
    return out;
  }

  /** The sum of two tensors, which are released. */
  private T sum(T x, T y) {
    T sum = layers.add(x, y);
    layers.release(x);
    layers.release(y);
    return sum;
  }

  private T normalised(String name, T x, int channels) {
    T normal = layers.groupNorm(name, x, channels);
    T y = layers.silu(normal);
    layers.release(normal);
    return y;
  }
}
