package org.diffusion4j.benchmarks;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.conv2d;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.group_norm;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.linear;
import static org.bytedeco.pytorch.global.torch.ones;
import static org.bytedeco.pytorch.global.torch.randn;
import static org.bytedeco.pytorch.global.torch.scaled_dot_product_attention;
import static org.bytedeco.pytorch.global.torch.softmax;
import static org.bytedeco.pytorch.global.torch.upsample_nearest2d;
import static org.bytedeco.pytorch.global.torch.zeros;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;

/**
 * Layers of libtorch, eager and in float32. A tensor that is not released lives as long as its
 * scope.
 */
final class LibtorchLayers implements PeerLayers<Tensor> {

  private final int normGroups;
  private final Map<String, Tensor> parameters = new LinkedHashMap<>();

  LibtorchLayers(int normGroups) {
    this.normGroups = normGroups;
  }

  /** The parameters used so far. */
  TensorVector parameters() {
    return new TensorVector(parameters.values().toArray(Tensor[]::new));
  }

  long parameterCount() {
    return parameters.values().stream().mapToLong(Tensor::numel).sum();
  }

  @Override
  public Tensor timeFeatures(Tensor t, int size) {
    float[] frequencies = Frequencies.of(size);
    Tensor angles = t.mm(Tensor.create(frequencies, 1, frequencies.length));
    try (TensorVector both = new TensorVector(angles.sin(), angles.cos())) {
      return cat(both, 1);
    }
  }

  @Override
  public Tensor dense(String name, Tensor x, int in, int out) {
    return x.mm(random(name + ".weight", in, in, out)).add(zero(name + ".bias", 1, out));
  }

  @Override
  public Tensor conv(String name, Tensor x, int in, int out, int kernel, int stride) {
    long padding = kernel / 2;
    return conv2d(
        x,
        random(name + ".weight", in * kernel * kernel, out, in, kernel, kernel),
        new TensorOptional(zero(name + ".bias", out)),
        new long[] {stride, stride},
        new long[] {padding, padding},
        new long[] {1, 1},
        1);
  }

  @Override
  public Tensor groupNorm(String name, Tensor x, int channels) {
    return group_norm(
        x,
        normGroups,
        new TensorOptional(parameter(name + ".weight", () -> ones(channels))),
        new TensorOptional(zero(name + ".bias", channels)),
        Net.NORM_EPS,
        true);
  }

  @Override
  public Tensor silu(Tensor x) {
    return org.bytedeco.pytorch.global.torch.silu(x);
  }

  @Override
  public Tensor add(Tensor x, Tensor y) {
    return x.add(y);
  }

  @Override
  public Tensor addToChannels(Tensor x, Tensor perChannel, int channels) {
    return x.add(perChannel.view(-1, channels, 1, 1));
  }

  @Override
  public Tensor concat(Tensor x, Tensor y) {
    try (TensorVector both = new TensorVector(x, y)) {
      return cat(both, 1);
    }
  }

  @Override
  public Tensor upsample(Tensor x) {
    long[] size = {2 * x.size(2), 2 * x.size(3)};
    return upsample_nearest2d(x, size, new DoubleOptional(), new DoubleOptional());
  }

  @Override
  public Tensor attend(Tensor qkv, int channels) {
    long batch = qkv.size(0);
    long height = qkv.size(2);
    long width = qkv.size(3);
    try (Tensor split = qkv.view(batch, 3, channels, height * width);
        Tensor q = split.select(1, 0);
        Tensor k = split.select(1, 1);
        Tensor v = split.select(1, 2);
        Tensor products = q.transpose(1, 2).bmm(k);
        Tensor scores = products.mul(new Scalar(1 / Math.sqrt(channels)));
        Tensor weights = softmax(scores, -1)) {
      return v.bmm(weights.transpose(1, 2)).reshape(batch, channels, height, width);
    }
  }

  @Override
  public Tensor toRows(Tensor x, int channels) {
    try (Tensor flat = x.flatten(2, 3);
        Tensor rows = flat.transpose(1, 2)) {
      return rows.contiguous();
    }
  }

  @Override
  public Tensor toPixels(Tensor rows, Tensor like, int channels) {
    try (Tensor flat = rows.transpose(1, 2)) {
      return flat.reshape(like.size(0), channels, like.size(2), like.size(3));
    }
  }

  @Override
  public Tensor rowsDense(String name, Tensor x, int in, int out, boolean bias) {
    Tensor weight = random(name + ".weight", in, out, in);
    return bias
        ? linear(x, weight, new TensorOptional(zero(name + ".bias", out)))
        : linear(x, weight);
  }

  @Override
  public Tensor layerNorm(String name, Tensor x, int channels) {
    return layer_norm(
        x,
        new long[] {channels},
        new TensorOptional(parameter(name + ".weight", () -> ones(channels))),
        new TensorOptional(zero(name + ".bias", channels)),
        Net.NORM_EPS,
        true);
  }

  @Override
  public Tensor geglu(Tensor x, int channels) {
    try (Tensor a = x.slice(2, new LongOptional(0), new LongOptional(channels), 1);
        Tensor b = x.slice(2, new LongOptional(channels), new LongOptional(2L * channels), 1);
        Tensor gate = gelu(b)) {
      return a.mul(gate);
    }
  }

  @Override
  public Tensor attend(Tensor q, Tensor k, Tensor v, int channels, int heads) {
    try (Tensor qh = divided(q, channels, heads);
        Tensor kh = divided(k, channels, heads);
        Tensor vh = divided(v, channels, heads);
        Tensor attended = scaled_dot_product_attention(qh, kh, vh);
        Tensor rows = attended.transpose(1, 2)) {
      return rows.reshape(q.size(0), q.size(1), channels);
    }
  }

  /** Rows as {@code [batch, heads, rows, channels / heads]}. */
  private static Tensor divided(Tensor x, int channels, int heads) {
    try (Tensor split = x.view(x.size(0), x.size(1), heads, channels / heads)) {
      return split.transpose(1, 2);
    }
  }

  @Override
  public void release(Tensor x) {
    x.close();
  }

  private Tensor random(String name, int fanIn, long... shape) {
    return parameter(name, () -> randn(shape).mul_(new Scalar(1 / Math.sqrt(fanIn))));
  }

  private Tensor zero(String name, long... shape) {
    return parameter(name, () -> zeros(shape));
  }

  private Tensor parameter(String name, Supplier<Tensor> initial) {
    return parameters.computeIfAbsent(
        name,
        absent -> {
          NoGradGuard guard = new NoGradGuard();
          try {
            return initial.get().set_requires_grad(true).retainReference();
          } finally {
            guard.close();
          }
        });
  }
}
