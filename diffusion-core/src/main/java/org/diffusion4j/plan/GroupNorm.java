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

  private final Inputs in;
  private final int groups;
  private final double eps;
  private final boolean silu;
  private final Value y;
  private final Value stats;
  private final int batch;
  private final int channels;
  private final int pixels;
  private final Tile tile;

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
    Backward backward = new Backward(dy, before);
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

  private static @Nullable FloatBuffer floats(Workspace workspace, @Nullable Value value) {
    return value == null ? null : workspace.floats(value);
  }

  /** The weights of one sample: gamma and beta with the sample's scale and shift applied. */
  private final class Coefficients {

    final float[] gamma = new float[channels];
    final float[] beta = new float[channels];
    private final float[] row = new float[channels];
    private final FloatBuffer gammas;
    private final FloatBuffer betas;
    private final @Nullable FloatBuffer scales;
    private final @Nullable FloatBuffer shifts;

    Coefficients(Workspace workspace) {
      gammas = workspace.floats(in.gamma);
      betas = workspace.floats(in.beta);
      scales = floats(workspace, in.scale);
      shifts = floats(workspace, in.shift);
    }

    void load(int sample) {
      gammas.get(0, gamma);
      betas.get(0, beta);
      if (scales != null && shifts != null) {
        scales.get(sample * channels, row);
        for (int c = 0; c < channels; c++) {
          gamma[c] *= row[c];
          beta[c] *= row[c];
        }
        shifts.get(sample * channels, row);
        for (int c = 0; c < channels; c++) {
          beta[c] += row[c];
        }
      }
    }
  }

  private final class Forward {

    private final FloatBuffer from;
    private final @Nullable FloatBuffer biases;
    private final FloatBuffer to;
    private final FloatBuffer statistics;
    private final Coefficients coefficients;
    private final int size = channels * pixels;
    private final float[] a = tile.create();
    private final float[] sigmoid = tile.create();
    private final float[] sums = tile.create();
    private final float[] means = tile.create();
    private final float[] factors = tile.create();
    private final float[] shifts = tile.create();
    private final double[] folded = new double[channels];
    private final float[] bias = new float[channels];
    private final float[] row = new float[channels];
    private final float[] meanAndInverse = new float[2 * groups];

    Forward(Workspace workspace) {
      from = workspace.floats(in.x);
      biases = floats(workspace, in.bias);
      to = workspace.floats(y);
      statistics = workspace.floats(stats);
      coefficients = new Coefficients(workspace);
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

  /** Recomputes xHat from x and the statistics, which is cheaper than keeping it. */
  private final class Backward extends Node {

    private final Value dy;
    private final @Nullable Value before;
    final Value dx;
    final Value dGamma;
    final Value dBeta;
    final @Nullable Value dBias;
    final @Nullable Value dScale;
    final @Nullable Value dShift;

    Backward(Value dy, @Nullable Value before) {
      this(
          dy,
          before,
          in.x.likeThis(in.x.name + "-grad"),
          in.gamma.likeThis(in.gamma.name + "-grad"),
          in.beta.likeThis(in.beta.name + "-grad"),
          gradientLike(in.bias),
          gradientLike(in.scale),
          gradientLike(in.shift));
    }

    private Backward(
        Value dy,
        @Nullable Value before,
        Value dx,
        Value dGamma,
        Value dBeta,
        @Nullable Value dBias,
        @Nullable Value dScale,
        @Nullable Value dShift) {
      super(
          "group norm " + dx.name,
          nonNull(dy, before, in.x, in.bias, in.gamma, in.beta, in.scale, in.shift, stats),
          nonNull(dx, dGamma, dBeta, dBias, dScale, dShift));
      this.dy = dy;
      this.before = before;
      this.dx = dx;
      this.dGamma = dGamma;
      this.dBeta = dBeta;
      this.dBias = dBias;
      this.dScale = dScale;
      this.dShift = dShift;
    }

    @Override
    List<Value> overwritable() {
      // The kernel keeps something in dx before it reads what it adds.
      boolean shared = before != null && before.storage.root() == dy.storage.root();
      return shared ? List.of() : List.of(dy);
    }

    @Override
    Runnable bind(Workspace workspace) {
      BackwardKernel kernel = new BackwardKernel(workspace, this);
      return kernel::run;
    }
  }

  private static List<Value> nonNull(@Nullable Value... values) {
    List<Value> list = new ArrayList<>();
    for (Value value : values) {
      if (value != null) {
        list.add(value);
      }
    }
    return list;
  }

  private static @Nullable Value gradientLike(@Nullable Value value) {
    return value == null ? null : value.likeThis(value.name + "-grad");
  }

  private final class BackwardKernel {

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
    private final Coefficients coefficients;
    private final int size = channels * pixels;
    private final float[] h = tile.create();
    private final float[] d = tile.create();
    private final float[] z = tile.create();
    private final float[] sigmoid = tile.create();
    private final float[] p = tile.create();
    private final float[] q = tile.create();
    private final float[] r = tile.create();
    private final float[] s = tile.create();
    private final float[] t = tile.create();
    private final float[] means = tile.create();
    private final float[] inverses = tile.create();
    private final float[] sumsOfD = tile.create();
    private final float[] sumsOfDh = tile.create();
    private final float[] sumsOfH = tile.create();
    private final double[] foldedD = new double[channels];
    private final double[] foldedDh = new double[channels];
    private final double[] foldedH = new double[channels];
    private final double[] totalGamma = new double[channels];
    private final double[] totalBeta = new double[channels];
    private final float[] meanAndInverse = new float[2 * groups];
    private final float[] bias = new float[channels];
    private final float[] row = new float[channels];
    private final float[] gamma = new float[channels];
    private final float[] beta = new float[channels];
    private final float[] scale = new float[channels];

    BackwardKernel(Workspace workspace, Backward node) {
      xs = workspace.floats(in.x);
      dys = workspace.floats(node.dy);
      befores = floats(workspace, node.before);
      biases = floats(workspace, in.bias);
      statistics = workspace.floats(stats);
      dxs = workspace.floats(node.dx);
      dGammas = workspace.floats(node.dGamma);
      dBetas = workspace.floats(node.dBeta);
      dBiases = floats(workspace, node.dBias);
      dScales = floats(workspace, node.dScale);
      dShifts = floats(workspace, node.dShift);
      gammas = workspace.floats(in.gamma);
      betas = workspace.floats(in.beta);
      scales = floats(workspace, in.scale);
      coefficients = new Coefficients(workspace);
    }

    void run() {
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

    /** Sums the gradient before SiLU, alone and times xHat, and keeps it in dx. */
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

    /** Makes h xHat, and d a gradient. */
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
}
