package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingException;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.diffusion4j.internal.common.NativeMemory;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Classifier-free guidance (Ho and Salimans 2022): a conditional denoiser whose predictions are
 * moved further towards the condition.
 *
 * <p>With the conditional output {@code c} and the unconditional output {@code u}, the guided
 * output is {@code u + scale (c - u)}. Scale 1 is the conditional model, scale 0 the unconditional
 * one; the paper's {@code w} is {@code scale - 1} (equation 6). The guided prediction is the same
 * for models of epsilon, x_0 and velocity: they are affine functions of each other whose constant
 * term depends only on x_t and t, and the weights {@code scale} and {@code 1 - scale} add up to 1.
 *
 * <p>The condition may be of any kind. The model is called with the condition and with its
 * {@linkplain Condition#unconditional unconditional} counterpart, which it must accept: {@link
 * Condition#none()} for all samples, {@link Condition#UNLABELLED} for one. Models trained with
 * label dropout do. Only the prediction is guided; a learned variance is that of the condition.
 *
 * <p>It is not {@linkplain Denoiser#isDifferentiable differentiable}: for guidance by a loss as
 * well, put it around {@link Denoiser#guidedByLoss}.
 *
 * <p>Immutable, and thread-safe if the model is. It does not own the model.
 */
public final class ClassifierFreeGuidance implements Denoiser {

  private final Denoiser model;
  private final double scale;
  private final GuidanceFormula formula;
  private final int from;
  private final int to;
  private final Condition negative;
  private final boolean twoCalls;

  private ClassifierFreeGuidance(Builder builder) {
    model = builder.model;
    scale = builder.scale;
    formula = new GuidanceFormula(builder.rescale, model.learnsVariance());
    from = builder.from;
    to = builder.to;
    negative = builder.negative;
    twoCalls = builder.twoCalls;
  }

  /**
   * A guided model with default settings.
   *
   * @param model a conditional model that accepts samples without a label
   * @param scale at least 0; 1 is the conditional model
   */
  public static ClassifierFreeGuidance of(Denoiser model, double scale) {
    return builder(model, scale).build();
  }

  /**
   * A builder of a guided model.
   *
   * @param model a conditional model that accepts samples without a label
   * @param scale at least 0; 1 is the conditional model
   */
  public static Builder builder(Denoiser model, double scale) {
    return new Builder(model, scale);
  }

  @Override
  public NoiseSchedule schedule() {
    return model.schedule();
  }

  @Override
  public long[] sampleShape() {
    return model.sampleShape();
  }

  @Override
  public Prediction prediction() {
    return model.prediction();
  }

  @Override
  public boolean learnsVariance() {
    return model.learnsVariance();
  }

  @Override
  public boolean isDeterministic() {
    return model.isDeterministic();
  }

  @Override
  public Condition.Takes takes() {
    return model.takes();
  }

  /**
   * {@inheritDoc}
   *
   * <p>If guidance has no effect (scale 0 or 1, timesteps outside the interval, equal conditions),
   * the model is evaluated once per sample, otherwise twice.
   *
   * @throws SamplingException if the model returns a wrong shape or type
   */
  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return Detached.get(() -> guided(xt, t, condition));
  }

  private INDArray guided(INDArray xt, INDArray t, Condition condition) {
    double[] scales = scales(t);
    if (all(scales, 1)) {
      return model.predict(xt, t, condition);
    }
    condition.requireCount(scales.length);
    try (Condition away = away(condition, scales.length)) {
      if (condition.equals(away)) {
        return model.predict(xt, t, condition);
      }
      if (all(scales, 0)) {
        return model.predict(xt, t, alone(away));
      }
      return twoCalls
          ? inTwoCalls(xt, t, condition, away, scales)
          : inOneCall(xt, t, condition, away, scales);
    }
  }

  /** The scale of each sample. */
  private double[] scales(INDArray t) {
    double[] scales = new double[Math.toIntExact(t.length())];
    for (int i = 0; i < scales.length; i++) {
      double timestep = t.getDouble(i);
      scales[i] = timestep >= from && timestep <= to ? scale : 1;
    }
    return scales;
  }

  private static boolean all(double[] scales, double value) {
    return Arrays.stream(scales).allMatch(s -> s == value);
  }

  /**
   * The condition that guidance leads away from: the negative condition, and for other kinds the
   * unconditional counterpart.
   */
  private Condition away(Condition condition, int n) {
    List<Condition> parts = new ArrayList<>();
    boolean done = false;
    try {
      for (Condition part : condition.parts()) {
        if (negative.part(part.getClass()).isEmpty()) {
          parts.add(part.unconditional());
        }
      }
      parts.add(negative.repeat(n));
      Condition away = Condition.several(parts);
      done = true;
      return away;
    } finally {
      if (!done) {
        parts.forEach(Condition::close);
      }
    }
  }

  /** In a separate call none() is used if no sample has a label. */
  private static Condition alone(Condition away) {
    return away instanceof Condition.Labels && away.equals(away.unconditional())
        ? Condition.none()
        : away;
  }

  private INDArray inTwoCalls(
      INDArray xt, INDArray t, Condition condition, Condition away, double[] scales) {
    INDArray c = model.predict(xt, t, condition);
    try {
      requireFits(c, xt, 1);
      INDArray u = model.predict(xt, t, alone(away));
      try {
        requireFits(u, xt, 1);
        if (u == c && u != xt) {
          throw new SamplingException(
              "the denoiser must return a new array to guidance but returned the same one twice");
        }
        return formula.guided(c, u, scales);
      } finally {
        close(u, xt);
      }
    } finally {
      close(c, xt);
    }
  }

  private INDArray inOneCall(
      INDArray xt, INDArray t, Condition condition, Condition away, double[] scales) {
    int n = scales.length;
    try (INDArray xTwice = Elements.twice(xt);
        INDArray tTwice = Elements.twice(t);
        Condition twice = Condition.concat(condition, away)) {
      INDArray both = model.predict(xTwice, tTwice, twice);
      try {
        requireFits(both, xt, 2);
        INDArray c = both.get(NDArrayIndex.interval(0, n));
        INDArray u = both.get(NDArrayIndex.interval(n, 2L * n));
        return formula.guided(c, u, scales);
      } finally {
        close(both, xTwice);
      }
    }
  }

  /** A denoiser may return its input. */
  private static void close(@Nullable INDArray output, INDArray input) {
    if (output != null && output != input && output.closeable()) {
      output.close();
    }
  }

  private void requireFits(@Nullable INDArray output, INDArray xt, int times) {
    if (output == null || output.wasClosed()) {
      throw new SamplingException(
          "the denoiser must return a new array to guidance but returned "
              + (output == null ? "null" : "a closed one"));
    }
    long[] shape = xt.shape().clone();
    shape[0] *= times;
    shape[1] *= learnsVariance() ? 2 : 1;
    if (output.dataType() != DataType.FLOAT || !Arrays.equals(output.shape(), shape)) {
      throw new SamplingException(
          "the denoiser must return FLOAT "
              + Arrays.toString(shape)
              + " to guidance but returned "
              + output.dataType()
              + " "
              + Arrays.toString(output.shape()));
    }
  }

  /** {@inheritDoc} It includes the arrays that guidance makes. */
  @Override
  public OptionalLong predictionBytes(int n) {
    long sample = NativeMemory.product(NativeMemory.product(sampleShape()), Float.BYTES);
    long output = learnsVariance() ? 2 * sample : sample;
    OptionalLong once = model.predictionBytes(n);
    if (once.isEmpty() || scale == 1 || scale == 0) {
      return once;
    }
    if (twoCalls) {
      // Both outputs and a copy of one.
      return OptionalLong.of(once.getAsLong() + 3 * n * output);
    }
    OptionalLong twice = model.predictionBytes(Math.multiplyExact(2, n));
    return twice.isEmpty()
        ? twice
        // Without guidance the model runs with batch size n and may still hold the memory for 2 n.
        : OptionalLong.of(once.getAsLong() + twice.getAsLong() + 2 * n * sample + 3 * n * output);
  }

  @Override
  public String toString() {
    return "ClassifierFreeGuidance[scale=" + scale + ", rescale=" + formula.rescale() + "]";
  }

  /** Builds a guided model. */
  public static final class Builder {

    private final Denoiser model;
    private final double scale;
    private double rescale;
    private int from = Integer.MIN_VALUE;
    private int to = Integer.MAX_VALUE;
    private Condition negative = Condition.none();
    private boolean twoCalls;

    private Builder(Denoiser model, double scale) {
      this.model = Objects.requireNonNull(model, "model");
      if (!(scale >= 0 && Double.isFinite(scale))) {
        throw new IllegalArgumentException("scale must be at least 0 but was " + scale);
      }
      this.scale = scale;
    }

    /**
     * Rescales the guided output of each sample towards the standard deviation of the conditional
     * one, which reduces overexposure: Lin et al. 2024, section 3.4. By default 0, no rescaling. It
     * has no effect at scales 0 and 1. Unlike guidance itself, its result depends on the kind of
     * prediction.
     *
     * @param phi in [0, 1]; the paper recommends 0.7
     */
    public Builder rescale(double phi) {
      if (!(phi >= 0 && phi <= 1)) {
        throw new IllegalArgumentException("rescale must be in [0, 1] but was " + phi);
      }
      rescale = phi;
      return this;
    }

    /**
     * Sets the interval of timesteps with guidance, including both ends; outside, the conditional
     * model is used (Kynkäänniemi et al. 2024). By default all timesteps.
     *
     * @param first at least 0
     * @param last at least {@code first}, at most T-1
     */
    public Builder timesteps(int first, int last) {
      int steps = model.schedule().steps();
      if (first < 0 || last < first || last >= steps) {
        throw new IllegalArgumentException(
            "timesteps of guidance must be within [0, "
                + (steps - 1)
                + "] but were ["
                + first
                + ", "
                + last
                + "]");
      }
      from = first;
      to = last;
      return this;
    }

    /**
     * Sets a class that guidance leads away from, instead of the unconditional prediction.
     *
     * @param label in [0, classes)
     */
    public Builder negative(int label) {
      return negative(Condition.labels(label));
    }

    /**
     * Sets a condition that guidance leads away from, instead of the {@linkplain
     * Condition#unconditional unconditional} one: a negative prompt. For other kinds of conditions
     * the unconditional counterpart is used.
     *
     * @param one a condition for one sample; the caller owns its arrays and keeps them open as long
     *     as this model is used
     */
    public Builder negative(Condition one) {
      one.requireCount(1);
      negative = one;
      return this;
    }

    /**
     * Calls the model twice with the batch instead of once with a batch of twice the size: slower,
     * but needs less memory. A cancelled sampler ends after both calls.
     */
    public Builder twoCalls() {
      twoCalls = true;
      return this;
    }

    /**
     * The guided model.
     *
     * @throws IllegalArgumentException if the model does not accept labels, the negative label, or
     *     samples without a label; at scale 1 this is not required
     */
    public ClassifierFreeGuidance build() {
      if (scale != 1) {
        requireGuidable();
      }
      return new ClassifierFreeGuidance(this);
    }

    private void requireGuidable() {
      Condition.Takes takes = Condition.Takes.of(model);
      if (takes.isNothing()) {
        throw new IllegalArgumentException(
            "guidance must be of a model with classes but this one takes no labels");
      }
      if (negative.part(Condition.Labels.class).isEmpty()) {
        if (takes.classes() != 0 && !takes.unlabelled()) {
          throw new IllegalArgumentException(
              "guidance must be of a model with a null class, which takes samples without a label,"
                  + " but this one has none: train with one and labels left out, or give a class to"
                  + " lead away from by negative(label)");
        }
      } else if (takes.classes() > 0 && negative.labels()[0] >= takes.classes()) {
        throw new IllegalArgumentException(
            "negative label must be in [0, "
                + (takes.classes() - 1)
                + "] but was "
                + negative.labels()[0]);
      }
      takes.requireTaken(negative);
    }
  }
}
