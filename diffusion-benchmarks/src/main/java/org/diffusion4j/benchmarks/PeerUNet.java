package org.diffusion4j.benchmarks;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * diffusers' {@code UNet2DModel}, layer by layer, implemented with a peer. Activations are released
 * as soon as possible; otherwise libtorch needs far more memory.
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

  /** An activation and its number of channels. */
  private record Activation<T>(T value, int channels) {}

  /**
   * The prediction.
   *
   * @param x {@code [batch, channels, size, size]}
   * @param t timesteps {@code [batch, 1]}
   * @return of the shape of {@code x}
   */
  T forward(T x, T t) {
    T time = time(t);
    Deque<Activation<T>> skips = new ArrayDeque<>();
    down(layers.conv("in", x, net.channels(), net.base(), 3, 1), time, skips);
    T h = up(middle(skips.getFirst(), time), time, skips);
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
  private void down(T h, T time, Deque<Activation<T>> skips) {
    int channels = net.base();
    skips.push(new Activation<>(h, channels));
    for (int level = 0; level < net.levels(); level++) {
      int out = net.channels(level);
      for (int layer = 0; layer < Net.LAYERS; layer++) {
        h = block("down." + level + "." + layer, h, time, channels, level);
        channels = out;
        skips.push(new Activation<>(h, channels));
      }
      if (level < net.levels() - 1) {
        h = layers.conv("down." + level, h, channels, channels, 3, 2);
        skips.push(new Activation<>(h, channels));
      }
    }
  }

  private Activation<T> middle(Activation<T> in, T time) {
    int channels = in.channels;
    T first = residual("middle.0", in.value, time, channels, channels);
    T attended = attention("middle.attention", first, channels);
    layers.release(first);
    T second = residual("middle.1", attended, time, channels, channels);
    layers.release(attended);
    return new Activation<>(second, channels);
  }

  private T up(Activation<T> in, T time, Deque<Activation<T>> skips) {
    T h = in.value;
    int channels = in.channels;
    for (int level = net.levels() - 1; level >= 0; level--) {
      for (int layer = 0; layer <= Net.LAYERS; layer++) {
        Activation<T> skip = skips.pop();
        T both = layers.concat(h, skip.value);
        layers.release(h);
        layers.release(skip.value);
        h = block("up." + level + "." + layer, both, time, channels + skip.channels, level);
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
  private T block(String name, T x, T time, int in, int level) {
    int out = net.channels(level);
    T y = residual(name, x, time, in, out);
    if (!net.attends(level)) {
      return y;
    }
    T attended = attention(name + ".attention", y, out);
    layers.release(y);
    return attended;
  }

  private T residual(String name, T x, T time, int in, int out) {
    T a = normalised(name + ".norm1", x, in);
    T b = layers.conv(name + ".conv1", a, in, out, 3, 1);
    layers.release(a);
    T shift = layers.dense(name + ".time", time, timeChannels, out);
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

  private T attention(String name, T x, int channels) {
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

  private T normalised(String name, T x, int channels) {
    T normal = layers.groupNorm(name, x, channels);
    T y = layers.silu(normal);
    layers.release(normal);
    return y;
  }
}
