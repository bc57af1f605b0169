package org.diffusion4j.benchmarks;

/**
 * The layers of a {@link PeerUNet} in a peer's terms. Activations are {@code [batch, channels,
 * height, width]}; weights are random, and made when a name is first used.
 *
 * @param <T> a tensor of the peer
 */
interface PeerLayers<T> {

  /** Sines and cosines {@code [batch, size]} of timesteps {@code [batch, 1]}. */
  T timeFeatures(T t, int size);

  /** {@code [batch, in]} to {@code [batch, out]}, with a bias. */
  T dense(String name, T x, int in, int out);

  /** A convolution with a bias that keeps the resolution, or with stride 2 halves it. */
  T conv(String name, T x, int in, int out, int kernel, int stride);

  /** Group normalisation with scale and bias. */
  T groupNorm(String name, T x, int channels);

  /** {@code x sigmoid(x)}. */
  T silu(T x);

  /** The sum of two tensors of one shape. */
  T add(T x, T y);

  /** The sum of activations and {@code [batch, channels]}, the same for every pixel. */
  T addToChannels(T x, T perChannel, int channels);

  /** Two activations' channels in a row. */
  T concat(T x, T y);

  /** Twice the resolution, by nearest neighbours. */
  T upsample(T x);

  /**
   * Scaled dot-product attention over all pixels, with one head.
   *
   * @param qkv {@code [batch, 3 channels, height, width]}: queries, keys and values
   * @return {@code [batch, channels, height, width]}
   */
  T attend(T qkv, int channels);

  /** Nobody will name this tensor again: its memory may go as soon as the peer can spare it. */
  void release(T x);
}
