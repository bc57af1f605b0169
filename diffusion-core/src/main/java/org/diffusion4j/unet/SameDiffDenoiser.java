package org.diffusion4j.unet;

import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SampleLoss;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.graph.DropoutMasks;
import org.diffusion4j.engine.graph.LossGradients;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.NativeMemory;
import org.diffusion4j.internal.nn.GraphRunner;
import org.diffusion4j.internal.nn.Graphs;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.common.util.ArrayUtil;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A denoiser whose function is a SameDiff graph, which can be trained.
 *
 * <p>A custom graph has the result of an operation named {@code output}, with the shape of {@code
 * sample}, and these placeholders; the last seven only if it has such conditions:
 *
 * <table>
 * <caption>Placeholders</caption>
 * <tr><th>name<th>shape<th>contents
 * <tr><td>{@code sample}<td>{@code [-1, sampleShape...]}<td>the noisy samples
 * <tr><td>{@code timestep}<td>{@code [-1, 1]}<td>the timestep of each sample
 * <tr><td>{@code class_labels}<td>{@code [-1, classes]}<td>the label of each sample as a one-hot row
 * <tr><td>{@code encoder_hidden_states}<td>{@code [-1, tokens, width]}, where the number of tokens
 *     may be -1<td>{@link Condition.Embeddings#tokens}
 * <tr><td>{@code encoder_attention_mask}<td>{@code [-1, tokens]}<td>{@link
 *     Condition.Embeddings#mask}, ones if there is none
 * <tr><td>{@code text_embeds}<td>{@code [-1, width]}<td>{@link Condition.Embeddings#pooled}
 * <tr><td>{@code pictures}<td>{@code [-1, channels, height, width]}, where height and width may be
 *     -1<td>{@link Condition.Pictures#pictures}, unchanged; the graph decides how to use them, for
 *     example concatenates them with the samples
 * <tr><td>{@code <any>.noise}<td>{@code [-1, ...]} of known sizes<td>noise of its own: standard
 *     normal in the {@linkplain #gradients(INDArray, INDArray, Condition, SampleLoss, Dropout)
 *     gradients} of training, zeros otherwise
 * <tr><td>any other<td>{@code [-1, ...]}<td>the array of {@link Condition.Inputs} with this name
 * </table>
 *
 * <p>All are FLOAT. The graph's variables are the weights. The graph belongs to the denoiser from
 * then on.
 *
 * <p>Several threads may call {@link #predict} at the same time, but not during training.
 *
 * <p>On the CPU the graph runs as a plan (docs/architecture.md), with the results of SameDiff's own
 * session but faster and in less memory; what cannot be planned runs in the session. With the
 * system property {@code diffusion4j.executor=session} everything runs in the session; {@code
 * diffusion4j.threads} sets the number of threads of plans.
 */
public class SameDiffDenoiser implements Denoiser, AutoCloseable {

  private final NoiseSchedule schedule;
  private final Prediction prediction;
  private final long[] sampleShape;
  private final long[] outputShape;
  private final int classes;
  private final boolean nullClass;
  private final ConditionInputs conditions;
  private final NoiseInputs noise;
  private final Map<String, INDArray> parameters;
  private final Map<String, INDArray> weights;
  private final SameDiff graph;
  private final GraphRunner runner;
  private final long parameterCount;
  private final double dropoutRate;
  private @Nullable SchedulerConfig scheduler;

  /**
   * Creates a denoiser from a graph.
   *
   * @param graph a graph with the placeholders and the output that this class describes
   * @param sampleShape the shape of a sample, without the batch
   * @param schedule the noise schedule
   * @param prediction what the model predicts
   * @throws IllegalArgumentException if a placeholder or the output is missing; the message names
   *     it
   */
  public SameDiffDenoiser(
      SameDiff graph, long[] sampleShape, NoiseSchedule schedule, Prediction prediction) {
    this(graph, sampleShape, schedule, prediction, GraphTraits.NONE);
  }

  /**
   * Creates a denoiser from a graph whose output has another shape than its samples. It is trained
   * with a {@code Loss} of one's own.
   *
   * @param outputShape the shape of the output for a sample, without the batch
   */
  public SameDiffDenoiser(
      SameDiff graph,
      long[] sampleShape,
      long[] outputShape,
      NoiseSchedule schedule,
      Prediction prediction) {
    this(graph, sampleShape, outputShape, schedule, prediction, GraphTraits.NONE);
  }

  SameDiffDenoiser(
      SameDiff graph,
      long[] sampleShape,
      NoiseSchedule schedule,
      Prediction prediction,
      GraphTraits traits) {
    this(graph, sampleShape, sampleShape, schedule, prediction, traits);
  }

  private SameDiffDenoiser(
      SameDiff graph,
      long[] sampleShape,
      long[] outputShape,
      NoiseSchedule schedule,
      Prediction prediction,
      GraphTraits traits) {
    this.graph = graph;
    this.schedule = Objects.requireNonNull(schedule, "schedule");
    this.prediction = Objects.requireNonNull(prediction, "prediction");
    this.sampleShape = sampleShape.clone();
    this.outputShape = outputShape.clone();
    for (String name : new String[] {Graphs.SAMPLE, Graphs.TIMESTEP, Graphs.OUTPUT}) {
      if (!graph.hasVariable(name)) {
        throw new IllegalArgumentException(
            "graph must have a variable named "
                + name
                + " but has "
                + graph.variableMap().keySet());
      }
    }
    boolean labelled = graph.hasVariable(Graphs.CLASS) && !traits.vectorLabels();
    int rows = labelled ? classes(graph.getVariable(Graphs.CLASS)) : 0;
    classes = traits.nullClass() ? rows - 1 : rows;
    nullClass = traits.nullClass();
    conditions = new ConditionInputs(graph, traits);
    noise = new NoiseInputs(graph);
    Map<String, INDArray> trained = new LinkedHashMap<>();
    Map<String, INDArray> all = new LinkedHashMap<>();
    for (SDVariable variable : graph.variables()) {
      boolean isTrained = variable.getVariableType() == VariableType.VARIABLE;
      INDArray array =
          isTrained || traits.frozen().contains(variable.name()) ? variable.getArr() : null;
      if (array != null) {
        all.put(variable.name(), array);
        if (isTrained) {
          trained.put(variable.name(), array);
        }
      }
    }
    parameters = Collections.unmodifiableMap(trained);
    weights = Collections.unmodifiableMap(all);
    dropoutRate = traits.dropout();
    runner = new GraphRunner(graph, traits.dropout(), traits.ownsWeights());
    Map<String, long[]> shapes = new LinkedHashMap<>(runner.frozenShapes());
    shapes.keySet().removeAll(traits.frozen());
    trained.forEach((name, array) -> shapes.put(name, array.shape()));
    parameterCount = shapes.values().stream().mapToLong(ArrayUtil::prodLong).sum();
  }

  private static int classes(SDVariable labels) {
    long[] shape = labels.isPlaceHolder() ? labels.placeholderShape() : new long[0];
    if (shape == null || shape.length != 2 || shape[1] < 1) {
      throw new IllegalArgumentException(
          Graphs.CLASS + " must be a placeholder [-1, classes] but was " + Arrays.toString(shape));
    }
    return Math.toIntExact(shape[1]);
  }

  @Override
  public NoiseSchedule schedule() {
    return schedule;
  }

  @Override
  public long[] sampleShape() {
    return sampleShape.clone();
  }

  @Override
  public Prediction prediction() {
    return prediction;
  }

  /**
   * The architecture; for a custom graph it is the graph without its weights.
   *
   * @throws IllegalArgumentException if ND4J cannot write the graph, or if it is too large
   */
  public NetworkConfig config() {
    runner.requireOpen();
    return NetworkConfig.Graph.of(graph, sampleShape, outputShape);
  }

  /**
   * The settings of this model's scheduler, which are stored in its model directory. By default
   * they are those of the noise schedule, without clipping.
   */
  public SchedulerConfig scheduler() {
    SchedulerConfig settings = scheduler;
    return settings == null ? SchedulerConfig.of(schedule, prediction) : settings;
  }

  void setScheduler(SchedulerConfig settings) {
    scheduler = settings;
  }

  /**
   * Checks that this model can be trained.
   *
   * @throws IllegalArgumentException if not; the message says why
   */
  public void requireTrainable() {}

  /** The number of classes, or 0 if the model is unconditional. */
  public int classes() {
    return classes;
  }

  /** {@inheritDoc} They follow from the graph's placeholders. */
  @Override
  public Condition.Takes takes() {
    return conditions.with(
        classes == 0 ? Condition.Takes.nothing() : Condition.Takes.labels(classes, nullClass));
  }

  /**
   * Whether a class-conditional model accepts samples without a label: {@link Condition#none()} for
   * all, {@link Condition#UNLABELLED} for some.
   */
  public boolean hasNullClass() {
    return nullClass;
  }

  /**
   * The trainable weights by name, in the graph's order. These are the graph's own arrays. They may
   * be changed until the next call of another method; after later changes call {@link
   * #weightsChanged}, because predictions use copies of the weights.
   *
   * @throws IllegalStateException if this denoiser is closed, or if it only predicts ({@code
   *     PretrainedModel.loadFrozen})
   */
  public Map<String, INDArray> parameters() {
    runner.requireArrays("parameters");
    runner.weightsChanged();
    runner.requireOpen();
    return parameters;
  }

  /**
   * Must be called after a later change of the arrays of {@link #parameters()} or {@link
   * #weights()}: the next prediction then reads them again.
   *
   * @throws IllegalStateException if this denoiser is closed
   */
  public void weightsChanged() {
    runner.requireOpen();
    runner.weightsChanged();
  }

  /** {@link #parameters()} and the weights that are not trained; the same rules apply to them. */
  public Map<String, INDArray> weights() {
    runner.requireArrays("weights");
    runner.weightsChanged();
    runner.requireOpen();
    return weights;
  }

  /** The number of values in all trainable weights. */
  public long parameterCount() {
    return parameterCount;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if this denoiser is closed
   */
  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    return predict(xt, t, condition, Precision.FLOAT32);
  }

  INDArray predict(INDArray xt, INDArray t, Condition condition, Precision precision) {
    try (DenoiserInputs inputs = inputs(xt, t, condition)) {
      return runner.output(inputs.placeholders(), batch(xt.size(0), outputShape()), precision);
    }
  }

  /**
   * The loss {@code mean((output - target)^2)} and its gradients, DDPM (Ho et al. 2020), equation
   * 14.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}
   * @param t timestep of each sample, FLOAT {@code [n]}
   * @param condition what the model {@link #takes()}
   * @param target what the output should be, FLOAT {@code [n, outputShape...]}
   * @param of names of the weights whose gradients are wanted; {@code sample} requests that of
   *     {@code xt}, and the name of a placeholder for embeddings, pictures or a further input
   *     requests theirs
   * @return must be closed by the caller
   * @throws IllegalArgumentException if a shape, a type, the condition or a name does not fit
   * @throws IllegalStateException if this denoiser is closed
   */
  public Gradients gradients(
      INDArray xt, INDArray t, Condition condition, INDArray target, Collection<String> of) {
    for (String name : of) {
      boolean input = name.equals(Graphs.SAMPLE) || conditions.names().contains(name);
      if (!parameters.containsKey(name) && !input) {
        throw new IllegalArgumentException("no weight is named " + name);
      }
    }
    try (DenoiserInputs inputs = inputs(xt, t, condition)) {
      requireTarget(target, xt.size(0));
      return new Gradients(runner.gradients(inputs.placeholders(), target, of));
    }
  }

  /** {@link #gradients(INDArray, INDArray, Condition, INDArray, Collection)} for every weight. */
  public Gradients gradients(INDArray xt, INDArray t, Condition condition, INDArray target) {
    return gradients(xt, t, condition, target, parameters.keySet());
  }

  /**
   * A loss of the outputs and its gradients with respect to every weight.
   *
   * @param xt noisy samples, FLOAT {@code [n, sampleShape...]}
   * @param t timestep of each sample, FLOAT {@code [n]}
   * @param condition what the model {@link #takes()}
   * @param loss the loss of each sample, summed over the batch; its exceptions are passed on
   * @return must be closed by the caller
   * @throws IllegalArgumentException if a shape, a type or the condition does not fit
   * @throws IllegalStateException if this denoiser is closed
   */
  public Gradients gradients(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
    return gradients(xt, t, condition, loss, parameters.keySet(), null);
  }

  /**
   * {@link #gradients(INDArray, INDArray, Condition, SampleLoss)} with dropout, as in training:
   * {@code x mask / (1 - p)} in each residual block of a {@link UNet} whose {@link
   * UNetConfig#dropout} is p; and with the noise of a graph's own placeholders. It has no effect on
   * a model without dropout and such placeholders.
   *
   * @param dropout which values are dropped, and what the noise is drawn from
   */
  public Gradients gradients(
      INDArray xt, INDArray t, Condition condition, SampleLoss loss, Dropout dropout) {
    return gradients(xt, t, condition, loss, parameters.keySet(), dropout);
  }

  /** {@inheritDoc} Only a graph with an operation that draws them has random numbers. */
  @Override
  public boolean isDeterministic() {
    return !noise.drawnByOperations();
  }

  /** {@inheritDoc} Frozen models, {@code PretrainedModel.loadFrozen}, only predict. */
  @Override
  public boolean isDifferentiable() {
    return runner.frozen() == null;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if this denoiser is closed or frozen
   */
  @Override
  public INDArray inputGradient(INDArray xt, INDArray t, Condition condition, SampleLoss loss) {
    try (Gradients gradients = gradients(xt, t, condition, loss, List.of(Graphs.SAMPLE), null)) {
      INDArray gradient = Objects.requireNonNull(gradients.of().get(Graphs.SAMPLE));
      return Detached.get(() -> gradient.dup('c'));
    }
  }

  /** {@inheritDoc} As for {@link #predictionBytes}; empty if this denoiser is frozen. */
  @Override
  public OptionalLong inputGradientBytes(int n) {
    OptionalLong plan =
        isDifferentiable() ? bytes(n, 0, Set.of(Graphs.SAMPLE)) : OptionalLong.empty();
    return plan.isEmpty()
        ? plan
        : OptionalLong.of(
            NativeMemory.sum(
                plan.getAsLong(),
                NativeMemory.product(Float.BYTES, NativeMemory.product(batch(n, sampleShape)))));
  }

  private Gradients gradients(
      INDArray xt,
      INDArray t,
      Condition condition,
      SampleLoss loss,
      Collection<String> of,
      @Nullable Dropout dropout) {
    try (DenoiserInputs inputs = inputs(xt, t, condition, dropout)) {
      long[] shape = batch(xt.size(0), outputShape());
      DropoutMasks masks =
          dropout == null
              ? null
              : new DropoutMasks(dropout.seed(), dropout.firstSample(), dropoutRate);
      return new Gradients(runner.gradients(inputs.placeholders(), shape, loss, masks, of));
    }
  }

  /**
   * This denoiser with convolutions that multiply in bfloat16 and add in float: faster, with errors
   * of about 1 % (docs/results/speed.md). It shares the weights and must not be used after this is
   * closed.
   *
   * @throws UnsupportedOperationException if the processor has neither AVX512-BF16 nor AMX, or if
   *     the graph runs in SameDiff's session
   */
  public Denoiser inBfloat16() {
    if (!CpuEngine.isFast(Precision.BFLOAT16) || bytes(1, 1, Set.of()).isEmpty()) {
      throw new UnsupportedOperationException(
          "bfloat16 must have a graph that runs as a plan on a processor with AVX512-BF16 or AMX");
    }
    return new Bfloat16Denoiser(this);
  }

  /**
   * The peak native memory of a prediction in bytes, without the weights and the caller's arrays.
   * Computed without allocating it.
   *
   * @param n batch size
   * @return empty if the graph runs in SameDiff's session, or if it leaves the number of tokens or
   *     the size of pictures open
   */
  @Override
  public OptionalLong predictionBytes(int n) {
    return bytes(n, 0, Set.of());
  }

  /** The same as {@link #predictionBytes} for {@link #gradients} of every weight. */
  public OptionalLong gradientBytes(int n) {
    runner.requireArrays("gradients");
    return bytes(n, 0, parameters.keySet());
  }

  /**
   * The native memory of the weights in bytes; 0 after this denoiser is closed, and if it only
   * predicts ({@code PretrainedModel.loadFrozen}), because its weights are part of {@link
   * #planBytes}.
   */
  public long weightBytes() {
    return runner.isClosed()
        ? 0
        : weights.values().stream().mapToLong(w -> w.length() * w.dataType().width()).sum();
  }

  /**
   * The native memory in bytes that plans currently hold, in use or for later calls: workspaces and
   * packed weights. It is 0 before the first call, in SameDiff's session, and after this denoiser
   * is closed and no call is running.
   */
  public long planBytes() {
    return runner.planBytes();
  }

  /**
   * Frees the workspaces that no call is using, a part of {@link #planBytes}. The next call
   * allocates them again. This helps where several models take turns in little memory.
   */
  public void releaseWorkspaces() {
    runner.releaseIdle();
  }

  /**
   * @param open the value for sizes that the graph leaves open, or 0
   */
  private OptionalLong bytes(int n, int open, Set<String> of) {
    if (n < 1) {
      throw new IllegalArgumentException("samples must be at least 1 but were " + n);
    }
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(Graphs.SAMPLE, batch(n, sampleShape));
    shapes.put(Graphs.TIMESTEP, new long[] {n, 1});
    if (classes > 0) {
      shapes.put(Graphs.CLASS, new long[] {n, encodedWidth()});
    }
    Optional<Map<String, long[]>> more = conditions.shapes(n, open);
    if (more.isEmpty()) {
      return OptionalLong.empty();
    }
    shapes.putAll(more.get());
    shapes.putAll(noise.shapes(n));
    return runner.bytes(shapes, batch(n, outputShape()), of);
  }

  private static long[] batch(long n, long[] shape) {
    long[] batch = new long[shape.length + 1];
    batch[0] = n;
    System.arraycopy(shape, 0, batch, 1, shape.length);
    return batch;
  }

  /** Frees the weights. Later calls throw {@link IllegalStateException}. */
  @Override
  public void close() {
    runner.close();
  }

  private void requireTarget(INDArray target, long n) {
    long[] shape = batch(n, outputShape());
    if (target.dataType() != DataType.FLOAT || !Arrays.equals(target.shape(), shape)) {
      throw new IllegalArgumentException(
          "target must be FLOAT "
              + Arrays.toString(shape)
              + " but was "
              + DenoiserInputs.describe(target));
    }
  }

  /** The shape of an output, without the batch. */
  public long[] outputShape() {
    return outputShape.clone();
  }

  /**
   * The graph, with the placeholders and the output that this class describes. It belongs to this
   * denoiser and must not be changed.
   *
   * @throws IllegalStateException if this denoiser is closed, or if it only predicts ({@code
   *     PretrainedModel.loadFrozen})
   */
  public SameDiff graph() {
    runner.requireArrays("the graph");
    runner.requireOpen();
    return graph;
  }

  /**
   * The condition as the graph wants it.
   *
   * @param condition that the model takes
   * @param made receives the arrays that must be closed after the call
   */
  Condition adapted(Condition condition, List<INDArray> made) {
    return condition;
  }

  GraphRunner runner() {
    return runner;
  }

  private DenoiserInputs inputs(INDArray xt, INDArray t, Condition condition) {
    return inputs(xt, t, condition, null);
  }

  private DenoiserInputs inputs(
      INDArray xt, INDArray t, Condition condition, @Nullable Dropout step) {
    return new DenoiserInputs(this, conditions, noise, xt, t, condition, step);
  }

  /** The number of columns of {@link #encode}. */
  int encodedWidth() {
    return nullClass ? classes + 1 : classes;
  }

  /**
   * Labels in the form of the graph's placeholder: one-hot rows, unless a subclass overrides it.
   */
  INDArray encode(int[] labels) {
    int width = encodedWidth();
    float[] rows = new float[Math.multiplyExact(labels.length, width)];
    for (int i = 0; i < labels.length; i++) {
      boolean unlabelled = labels[i] == Condition.UNLABELLED && nullClass;
      rows[i * width + (unlabelled ? classes : labels[i])] = 1;
    }
    return Nd4j.create(rows, new long[] {labels.length, width}, 'c');
  }

  /** A loss and its gradients, in memory that the denoiser owns and reuses after this is closed. */
  public static final class Gradients implements AutoCloseable {

    private final LossGradients gradients;

    Gradients(LossGradients gradients) {
      this.gradients = gradients;
    }

    /** The sum of {@link #losses()}; it may be infinite or NaN. */
    public double loss() {
      return gradients.losses().sum();
    }

    /** The loss of each sample, {@code [n]}. */
    public double[] losses() {
      return gradients.losses().bySample();
    }

    /**
     * The gradients by name, each with the shape of its weight or input and in C order; valid until
     * this is closed.
     */
    public Map<String, INDArray> of() {
      return gradients.gradients();
    }

    /** Releases the memory. */
    @Override
    public void close() {
      gradients.close();
    }
  }

  /**
   * The dropout masks and the graph's own noise of a training step. They are a function of the
   * seed, the number of the sample, the layer and the position of the value. So a batch can be
   * divided into pieces and among threads.
   *
   * @param seed seed of the step
   * @param firstSample number of a call's first sample within the step, at least 0
   */
  public record Dropout(long seed, int firstSample) {

    /**
     * @throws IllegalArgumentException if {@code firstSample} is negative
     */
    public Dropout {
      if (firstSample < 0) {
        throw new IllegalArgumentException(
            "first sample must not be negative but was " + firstSample);
      }
    }
  }
}
