package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Group normalisation (Wu and He 2018) with what stands around it in a U-Net: values per sample and
 * channel that are added before it, a scale and a shift per sample and channel after it, and SiLU.
 *
 * <pre>y = silu((xHat gamma + beta) scale + shift), xHat = (x + bias - mean) / sqrt(variance + eps)
 * </pre>
 */
final class GroupNorm extends Node {

  /**
   * What a group norm reads.
   *
   * @param x {@code [batch, channels, height, width]}
   * @param bias {@code [batch, channels]} or null
   * @param gamma {@code [channels]}
   * @param beta {@code [channels]}
   * @param scale {@code [batch, channels]} or null
   * @param shift {@code [batch, channels]}, null if and only if {@code scale} is
   */
  record Inputs(
      Value x,
      @Nullable Value bias,
      Value gamma,
      Value beta,
      @Nullable Value scale,
      @Nullable Value shift) {

    List<Value> list() {
      List<Value> list = new ArrayList<>();
      for (Value v : new Value[] {x, bias, gamma, beta, scale, shift}) {
        if (v != null) {
          list.add(v);
        }
      }
      return list;
    }
  }

  final Inputs in;
  final int groups;
  private final double eps;
  final boolean silu;
  private final Value y;
  final Value stats;
  final int batch;
  final int channels;
  final int pixels;
  final Tile tile;

  GroupNorm(Inputs in, int groups, double eps, boolean silu, Value y) {
    this(in, groups, eps, silu, y, Value.plain(y.name + "-stats", y.type, y.size(0), groups, 2));
  }

  private GroupNorm(Inputs in, int groups, double eps, boolean silu, Value y, Value stats) {
    super("group norm " + y.name, in.list(), List.of(y, stats));
    this.in = in;
    this.groups = groups;
    this.eps = eps;
    this.silu = silu;
    this.y = y;
    this.stats = stats;
    batch = Math.toIntExact(y.size(0));
    channels = Math.toIntExact(y.size(1));
    pixels = Math.toIntExact(y.size(2) * y.size(3));
    tile = new Tile(channels, pixels);
  }

  @Override
  List<Value> overwritable() {
    return List.of(in.x);
  }

  @Override
  Runnable bind(Workspace workspace) {
    Forward forward = new Forward(workspace);
    return forward::run;
  }

  @Override
  void differentiate(Tape tape) {
    // What x received already is added by the kernel, unless it is an image that others keep.
    Value dy = tape.gradientOf(y);
    Value before = tape.wants(in.x) ? tape.take(in.x) : null;
    GroupNormGradient backward = new GroupNormGradient(this, dy, before);
    tape.add(backward);
    tape.contribute(in.x, backward.dx);
    tape.contribute(in.gamma, backward.dGamma);
    tape.contribute(in.beta, backward.dBeta);
    if (in.bias != null && backward.dBias != null) {
      tape.contribute(in.bias, backward.dBias);
    }
    if (in.scale != null && backward.dScale != null) {
      tape.contribute(in.scale, backward.dScale);
    }
    if (in.shift != null && backward.dShift != null) {
      tape.contribute(in.shift, backward.dShift);
    }
  }

  private final class Forward {

    private final FloatBuffer from;
    private final @Nullable FloatBuffer biases;
    private final FloatBuffer to;
    private final FloatBuffer statistics;
    private final GroupNormWeights coefficients;
    private final int size = channels * pixels;
    private final float[] a;
    private final float[] sigmoid;
    private final float[] sums;
    private final float[] means;
    private final float[] factors;
    private final float[] shifts;
    private final double[] folded = new double[channels];
    private final float[] bias = new float[channels];
    private final float[] row = new float[channels];
    private final float[] meanAndInverse = new float[2 * groups];

    Forward(Workspace workspace) {
      from = workspace.floats(in.x);
      biases = workspace.floatsOrNull(in.bias);
      to = workspace.floats(y);
      statistics = workspace.floats(stats);
      coefficients = new GroupNormWeights(workspace, in);
      a = workspace.heap(0, tile.length());
      sigmoid = workspace.heap(1, tile.length());
      sums = workspace.heap(2, tile.length());
      means = workspace.heap(3, tile.length());
      factors = workspace.heap(4, tile.length());
      shifts = workspace.heap(5, tile.length());
    }

    void run() {
      for (int sample = 0; sample < batch; sample++) {
        coefficients.load(sample);
        if (biases != null) {
          biases.get(sample * channels, bias);
        }
        means(sample * size);
        deviations(sample * size);
        statistics.put(sample * 2 * groups, meanAndInverse);
        normalise(sample * size);
      }
    }

    private void means(int start) {
      Arrays.fill(sums, 0);
      for (int o = 0; o < size; o += tile.length()) {
        int n = Math.min(tile.length(), size - o);
        from.get(start + o, a, 0, n);
        Loops.add(sums, a, n);
      }
      tile.fold(sums, folded);
      // The mean of x + bias is that of x plus that of the biases.
      int grouped = channels / groups;
      for (int g = 0; g < groups; g++) {
        double mean = 0;
        for (int c = g * grouped; c < (g + 1) * grouped; c++) {
          mean += folded[c] / pixels + bias[c];
        }
        meanAndInverse[2 * g] = (float) (mean / grouped);
      }
      for (int c = 0; c < channels; c++) {
        row[c] = meanAndInverse[2 * (c / grouped)] - bias[c];
      }
      tile.fill(means, row);
    }

    private void deviations(int start) {
      Arrays.fill(sums, 0);
      for (int o = 0; o < size; o += tile.length()) {
        int n = Math.min(tile.length(), size - o);
        from.get(start + o, a, 0, n);
        Loops.addSquares(sums, a, means, n);
      }
      tile.fold(sums, folded);
      int grouped = channels / groups;
      for (int g = 0; g < groups; g++) {
        double variance = 0;
        for (int c = g * grouped; c < (g + 1) * grouped; c++) {
          variance += folded[c];
        }
        variance /= (double) grouped * pixels;
        meanAndInverse[2 * g + 1] = (float) (1 / Math.sqrt(variance + eps));
      }
    }

    private void normalise(int start) {
      int grouped = channels / groups;
      for (int c = 0; c < channels; c++) {
        row[c] = coefficients.gamma[c] * meanAndInverse[2 * (c / grouped) + 1];
      }
      tile.fill(factors, row);
      tile.fill(shifts, coefficients.beta);
      for (int o = 0; o < size; o += tile.length()) {
        int n = Math.min(tile.length(), size - o);
        from.get(start + o, a, 0, n);
        Loops.affine(a, means, factors, shifts, n);
        if (silu) {
          Loops.sigmoid(sigmoid, a, n);
          Loops.multiply(a, sigmoid, n);
        }
        to.put(start + o, a, 0, n);
      }
    }
  }
}
