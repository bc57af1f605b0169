package org.diffusion4j.benchmarks;

/**
 * The layers of a {@link PeerUNet}, implemented with a peer. Activations are {@code [batch,
 * channels, height, width]}; weights are random and created when a name is first used.
 *
 * @param <T> a tensor of the peer
 */
interface PeerLayers<T> {

  /** Sines and cosines {@code [batch, size]} of timesteps {@code [batch, 1]}. */
  T timeFeatures(T t, int size);

  /** {@code [batch, in]} to {@code [batch, out]}, with a bias. */
  T dense(String name, T x, int in, int out);

  /** A convolution with a bias; it keeps the resolution, or halves it with stride 2. */
  T conv(String name, T x, int in, int out, int kernel, int stride);

  /** Group normalisation with scale and bias. */
  T groupNorm(String name, T x, int channels);

  /** {@code x sigmoid(x)}. */
  T silu(T x);

  /** The sum of two tensors of one shape. */
  T add(T x, T y);

  /** The sum of activations and {@code [batch, channels]}, the same for every pixel. */
  T addToChannels(T x, T perChannel, int channels);

  /** Concatenates the channels of two activations. */
  T concat(T x, T y);

  /** Nearest-neighbour upsampling by a factor of 2. */
  T upsample(T x);

  /**
   * Scaled dot-product attention over all pixels, with one head.
   *
   * @param qkv {@code [batch, 3 channels, height, width]}: queries, keys and values
   * @return {@code [batch, channels, height, width]}
   */
  T attend(T qkv, int channels);

  /** Activations as rows, {@code [batch, height width, channels]}. */
  T toRows(T x, int channels);

  /** Rows as activations of the size of others. */
  T toPixels(T rows, T like, int channels);

  /** {@code [batch, rows, in]} to {@code [batch, rows, out]}, with or without a bias. */
  T rowsDense(String name, T x, int in, int out, boolean bias);

  /** Normalisation of each row, with scale and bias. */
  T layerNorm(String name, T x, int channels);

  /** {@code a gelu(b)} of the halves a and b of {@code [batch, rows, 2 channels]}. */
  T geglu(T x, int channels);

  /**
   * Scaled dot-product attention with several heads.
   *
   * @param q queries {@code [batch, rows, channels]}
   * @param k keys {@code [batch, tokens, channels]}
   * @param v values {@code [batch, tokens, channels]}
   * @return of the shape of the queries
   */
  T attend(T q, T k, T v, int channels, int heads);

  /** Releases a tensor that is not needed any more. */
  void release(T x);
}
