package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.GroupNormGradient;
import org.jspecify.annotations.Nullable;

/** The gradient of a group norm, one sample at a time: of SiLU, of the weights, of the input. */
final class GroupNormGradientKernel {

  private final boolean silu;
  private final int batch;
  private final int channels;
  private final int groups;
  private final int pixels;
  private final Tile tile;
  private final FloatBuffer xs;
  private final FloatBuffer dys;
  private final @Nullable FloatBuffer befores;
  private final @Nullable FloatBuffer biases;
  private final FloatBuffer statistics;
  private final FloatBuffer dxs;
  private final FloatBuffer dGammas;
  private final FloatBuffer dBetas;
  private final @Nullable FloatBuffer dBiases;
  private final @Nullable FloatBuffer dScales;
  private final @Nullable FloatBuffer dShifts;
  private final FloatBuffer gammas;
  private final FloatBuffer betas;
  private final @Nullable FloatBuffer scales;
  private final GroupNormWeights coefficients;
  private final int size;
  private final float[] h;
  private final float[] d;
  private final float[] z;
  private final float[] sigmoid;
  private final float[] p;
  private final float[] q;
  private final float[] r;
  private final float[] s;
  private final float[] t;
  private final float[] means;
  private final float[] inverses;
  private final float[] sumsOfD;
  private final float[] sumsOfDh;
  private final float[] sumsOfH;
  private final double[] foldedD;
  private final double[] foldedDh;
  private final double[] foldedH;
  private final double[] totalGamma;
  private final double[] totalBeta;
  private final float[] meanAndInverse;
  private final float[] bias;
  private final float[] row;
  private final float[] gamma;
  private final float[] beta;
  private final float[] scale;

  private GroupNormGradientKernel(GroupNormGradient node, CpuWorkspace workspace) {
    GroupNorm.Inputs in = node.of().in();
    silu = node.of().silu();
    batch = Math.toIntExact(node.dx().size(0));
    channels = Math.toIntExact(node.dx().size(1));
    groups = node.of().groups();
    pixels = Math.toIntExact(node.dx().size(2) * node.dx().size(3));
    tile = new Tile(channels, pixels);
    size = channels * pixels;
    foldedD = new double[channels];
    foldedDh = new double[channels];
    foldedH = new double[channels];
    totalGamma = new double[channels];
    totalBeta = new double[channels];
    meanAndInverse = new float[2 * groups];
    bias = new float[channels];
    row = new float[channels];
    gamma = new float[channels];
    beta = new float[channels];
    scale = new float[channels];
    xs = workspace.floats(in.x());
    dys = workspace.floats(node.dy());
    befores = workspace.floatsOrNull(node.before());
    biases = workspace.floatsOrNull(in.bias());
    statistics = workspace.floats(node.of().stats());
    dxs = workspace.floats(node.dx());
    dGammas = workspace.floats(node.dGamma());
    dBetas = workspace.floats(node.dBeta());
    dBiases = workspace.floatsOrNull(node.dBias());
    dScales = workspace.floatsOrNull(node.dScale());
    dShifts = workspace.floatsOrNull(node.dShift());
    gammas = workspace.floats(in.gamma());
    betas = workspace.floats(in.beta());
    scales = workspace.floatsOrNull(in.scale());
    coefficients = new GroupNormWeights(workspace, in);
    h = workspace.heap(0, tile.length());
    d = workspace.heap(1, tile.length());
    z = workspace.heap(2, tile.length());
    sigmoid = workspace.heap(3, tile.length());
    p = workspace.heap(4, tile.length());
    q = workspace.heap(5, tile.length());
    r = workspace.heap(6, tile.length());
    s = workspace.heap(7, tile.length());
    t = workspace.heap(8, tile.length());
    means = workspace.heap(9, tile.length());
    inverses = workspace.heap(10, tile.length());
    sumsOfD = workspace.heap(11, tile.length());
    sumsOfDh = workspace.heap(12, tile.length());
    sumsOfH = workspace.heap(13, tile.length());
  }

  static Kernel of(GroupNormGradient node, KernelContext context) {
    return (workspace, scratch) -> new GroupNormGradientKernel(node, workspace)::run;
  }

  private void run() {
    Arrays.fill(totalGamma, 0);
    Arrays.fill(totalBeta, 0);
    gammas.get(0, gamma);
    betas.get(0, beta);
    Arrays.fill(scale, 1);
    for (int sample = 0; sample < batch; sample++) {
      statistics.get(sample * 2 * groups, meanAndInverse);
      if (biases != null) {
        biases.get(sample * channels, bias);
      }
      if (scales != null) {
        scales.get(sample * channels, scale);
      }
      coefficients.load(sample);
      throughSilu(sample * size);
      ofWeights(sample);
      ofInput(sample);
    }
    put(dGammas, totalGamma);
    put(dBetas, totalBeta);
  }

  /** Computes the gradient before SiLU and stores it in dx; sums it, also multiplied by xHat. */
  private void throughSilu(int start) {
    int grouped = channels / groups;
    for (int c = 0; c < channels; c++) {
      row[c] = meanAndInverse[2 * (c / grouped)] - bias[c];
    }
    tile.fill(means, row);
    for (int c = 0; c < channels; c++) {
      row[c] = meanAndInverse[2 * (c / grouped) + 1];
    }
    tile.fill(inverses, row);
    tile.fill(p, coefficients.gamma);
    tile.fill(q, coefficients.beta);
    Arrays.fill(sumsOfD, 0);
    Arrays.fill(sumsOfDh, 0);
    Arrays.fill(sumsOfH, 0);
    for (int o = 0; o < size; o += tile.length()) {
      int n = Math.min(tile.length(), size - o);
      load(dys, start + o, n);
      if (silu) {
        Loops.affineTo(z, h, p, q, n);
        Loops.sigmoid(sigmoid, z, n);
        Loops.timesSiluDerivative(d, z, sigmoid, n);
        dxs.put(start + o, d, 0, n);
      }
      if (dBiases != null) {
        Loops.add(sumsOfH, h, n);
      }
      Loops.addProducts(sumsOfD, sumsOfDh, d, h, n);
    }
    tile.fold(sumsOfD, foldedD);
    tile.fold(sumsOfDh, foldedDh);
  }

  /** Loads xHat into h and a gradient into d. */
  private void load(FloatBuffer gradient, int at, int n) {
    xs.get(at, h, 0, n);
    gradient.get(at, d, 0, n);
    Loops.normalise(h, means, inverses, n);
  }

  private void ofWeights(int sample) {
    for (int c = 0; c < channels; c++) {
      totalGamma[c] += foldedDh[c] * scale[c];
      totalBeta[c] += foldedD[c] * scale[c];
    }
    if (dScales != null && dShifts != null) {
      for (int c = 0; c < channels; c++) {
        row[c] = (float) (gamma[c] * foldedDh[c] + beta[c] * foldedD[c]);
      }
      dScales.put(sample * channels, row);
      for (int c = 0; c < channels; c++) {
        row[c] = (float) foldedD[c];
      }
      dShifts.put(sample * channels, row);
    }
  }

  /** d becomes (gamma d - mean(gamma d) - xHat mean(gamma d xHat)) / deviation. */
  private void ofInput(int sample) {
    int grouped = channels / groups;
    double count = (double) grouped * pixels;
    float[] g = coefficients.gamma;
    double[] constants = new double[groups];
    double[] slopes = new double[groups];
    for (int c = 0; c < channels; c++) {
      double inverse = meanAndInverse[2 * (c / grouped) + 1];
      constants[c / grouped] -= inverse * g[c] * foldedD[c] / count;
      slopes[c / grouped] -= inverse * g[c] * foldedDh[c] / count;
    }
    spread(constants);
    tile.fill(r, row);
    spread(slopes);
    tile.fill(s, row);
    for (int c = 0; c < channels; c++) {
      row[c] = g[c] * meanAndInverse[2 * (c / grouped) + 1];
    }
    tile.fill(t, row);
    if (dBiases != null) {
      tile.fold(sumsOfH, foldedH);
      float[] sums = new float[channels];
      for (int c = 0; c < channels; c++) {
        double slope = slopes[c / grouped];
        double constant = constants[c / grouped];
        sums[c] = (float) (row[c] * foldedD[c] + slope * foldedH[c] + constant * pixels);
      }
      dBiases.put(sample * channels, sums);
    }
    for (int o = 0; o < size; o += tile.length()) {
      int n = Math.min(tile.length(), size - o);
      int at = sample * size + o;
      load(silu ? dxs : dys, at, n);
      Loops.combine(d, h, t, r, s, n);
      if (befores != null) {
        befores.get(at, z, 0, n);
        Loops.add(d, z, n);
      }
      dxs.put(at, d, 0, n);
    }
  }

  private void spread(double[] perGroup) {
    int grouped = channels / groups;
    for (int c = 0; c < channels; c++) {
      row[c] = (float) perGroup[c / grouped];
    }
  }

  private void put(FloatBuffer to, double[] sums) {
    for (int c = 0; c < channels; c++) {
      row[c] = (float) sums[c];
    }
    to.put(0, row);
  }
}
