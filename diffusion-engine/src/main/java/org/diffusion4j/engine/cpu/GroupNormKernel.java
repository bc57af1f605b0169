package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.diffusion4j.engine.graph.GroupNorm;
import org.jspecify.annotations.Nullable;

/** Group normalisation, one sample at a time: means, deviations, then values. */
final class GroupNormKernel {

  private final int batch;
  private final int channels;
  private final int groups;
  private final int pixels;
  private final int size;
  private final double eps;
  private final boolean silu;
  private final Tile tile;
  private final FloatBuffer from;
  private final @Nullable FloatBuffer biases;
  private final FloatBuffer to;
  private final FloatBuffer statistics;
  private final GroupNormWeights coefficients;
  private final float[] a;
  private final float[] sigmoid;
  private final float[] sums;
  private final float[] means;
  private final float[] factors;
  private final float[] shifts;
  private final double[] folded;
  private final float[] bias;
  private final float[] row;
  private final float[] meanAndInverse;

  private GroupNormKernel(GroupNorm node, CpuWorkspace workspace) {
    batch = Math.toIntExact(node.y().size(0));
    channels = Math.toIntExact(node.y().size(1));
    groups = node.groups();
    pixels = Math.toIntExact(node.y().size(2) * node.y().size(3));
    size = channels * pixels;
    eps = node.eps();
    silu = node.silu();
    tile = new Tile(channels, pixels);
    folded = new double[channels];
    bias = new float[channels];
    row = new float[channels];
    meanAndInverse = new float[2 * groups];
    from = workspace.floats(node.in().x());
    biases = workspace.floatsOrNull(node.in().bias());
    to = workspace.floats(node.y());
    statistics = workspace.floats(node.stats());
    coefficients = new GroupNormWeights(workspace, node.in());
    a = workspace.heap(0, tile.length());
    sigmoid = workspace.heap(1, tile.length());
    sums = workspace.heap(2, tile.length());
    means = workspace.heap(3, tile.length());
    factors = workspace.heap(4, tile.length());
    shifts = workspace.heap(5, tile.length());
  }

  static Kernel of(GroupNorm node, KernelContext context) {
    return (workspace, scratch) -> new GroupNormKernel(node, workspace)::run;
  }

  private void run() {
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
    // The mean of x + bias is the mean of x plus the mean of the biases.
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
