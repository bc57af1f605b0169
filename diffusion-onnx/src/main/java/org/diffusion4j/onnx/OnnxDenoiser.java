package org.diffusion4j.onnx;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.Prediction;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.onnx.OnnxInputs.Labels;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A denoiser whose function is an ONNX file, run by ONNX Runtime: on the processor, or on what the
 * application's execution provider serves (docs/onnx.md).
 *
 * <pre>{@code
 * try (var options = new OrtSession.SessionOptions()) {
 *   options.addCUDA(0); // with com.microsoft.onnxruntime:onnxruntime_gpu
 *   try (var model = OnnxDenoiser.builder(Path.of("model.onnx")).options(options).load();
 *       var samples = Samplers.named("ddim", 50).sample(model, 16)) {
 *     ...
 *   }
 * }
 * }</pre>
 *
 * <p>A file of {@link OnnxExport} says all that a sampler must know. For one from elsewhere the
 * {@link Builder} is told the noise schedule, and what its inputs are if they have other names.
 *
 * <p>Thread-safe. It only predicts: it has no gradients.
 */
public final class OnnxDenoiser implements Denoiser, AutoCloseable {

  private final OrtEnvironment environment;
  private final OrtSession session;
  private final OnnxInputs inputs;
  private final String output;
  private final @Nullable SchedulerConfig scheduler;
  private final NoiseSchedule schedule;
  private final Prediction prediction;
  private final long[] sampleShape;
  private final boolean learnsVariance;
  private final ReadWriteLock open = new ReentrantReadWriteLock();
  private boolean closed;

  private OnnxDenoiser(Builder from, OrtEnvironment environment, OrtSession session)
      throws OrtException, ModelFormatException {
    this.environment = environment;
    this.session = session;
    Optional<ModelMetadata> metadata =
        ModelMetadata.read(from.file, session.getMetadata().getCustomMetadata());
    inputs = OnnxInputs.of(infos(session.getInputInfo()), from.names, from.labels(metadata));
    schedule = from.schedule(metadata);
    prediction = from.prediction(metadata);
    boolean stated = from.schedule != null || from.prediction != null;
    scheduler = stated ? null : metadata.map(ModelMetadata::scheduler).orElse(null);
    sampleShape = sampleShape(inputs.sampleShape(), from.sampleShape);
    Map<String, TensorInfo> outputs = infos(session.getOutputInfo());
    output = output(outputs, from.names);
    learnsVariance = learnsVariance(Objects.requireNonNull(outputs.get(output)), sampleShape);
  }

  /**
   * Loads a file of {@link OnnxExport}, to run on the processor.
   *
   * @throws IOException if it cannot be read; a {@link ModelFormatException} if it is no such file
   */
  public static OnnxDenoiser load(Path file) throws IOException {
    return builder(file).load();
  }

  /** Settings for loading a file. */
  public static Builder builder(Path file) {
    return new Builder(file);
  }

  private static Map<String, TensorInfo> infos(Map<String, NodeInfo> nodes) {
    Map<String, TensorInfo> infos = new LinkedHashMap<>();
    nodes.forEach(
        (name, node) -> {
          if (!(node.getInfo() instanceof TensorInfo info)) {
            throw new IllegalArgumentException(name + " must be a tensor but is " + node.getInfo());
          }
          infos.put(name, info);
        });
    return infos;
  }

  private static long[] sampleShape(long[] ofFile, long @Nullable [] stated) {
    long[] shape = stated == null ? ofFile : stated;
    boolean fits = shape.length == ofFile.length;
    for (int d = 0; fits && d < shape.length; d++) {
      fits = shape[d] > 0 && (ofFile[d] < 0 || ofFile[d] == shape[d]);
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "sample shape must be stated, and fit that of the file, "
              + Arrays.toString(ofFile)
              + ", but was "
              + (stated == null ? "not stated" : Arrays.toString(stated)));
    }
    return shape.clone();
  }

  private static String output(Map<String, TensorInfo> outputs, Map<String, String> names) {
    String only = outputs.size() == 1 ? outputs.keySet().iterator().next() : Graphs.OUTPUT;
    String name = names.getOrDefault(Graphs.OUTPUT, only);
    TensorInfo info = outputs.get(name);
    if (info == null || info.type != OnnxJavaType.FLOAT) {
      throw new IllegalArgumentException(
          "outputs must include "
              + name
              + ", FLOAT, but were "
              + (info == null ? new TreeSet<>(outputs.keySet()) : info.type));
    }
    return name;
  }

  /** Whether an output has twice the channels of a sample; its other sizes must be the sample's. */
  private static boolean learnsVariance(TensorInfo info, long[] sample) {
    long[] shape = info.getShape();
    boolean twice = shape.length > 1 && shape[1] == 2 * sample[0];
    boolean fits = shape.length == sample.length + 1;
    for (int d = 1; fits && d < shape.length; d++) {
      long size = twice && d == 1 ? 2 * sample[0] : sample[d - 1];
      fits = shape[d] < 0 || shape[d] == size;
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "output must be a batch of samples, "
              + Arrays.toString(sample)
              + ", with once or twice the channels, but is "
              + Arrays.toString(shape));
    }
    return twice;
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

  @Override
  public boolean learnsVariance() {
    return learnsVariance;
  }

  /** {@inheritDoc} They follow from the file's inputs. */
  @Override
  public Condition.Takes takes() {
    return inputs.takes();
  }

  /**
   * The settings of the scheduler that the file names; by default those of the noise schedule.
   *
   * @throws IllegalArgumentException if the noise schedule is a process in continuous time that is
   *     not of this library
   */
  public SchedulerConfig scheduler() {
    return scheduler == null ? SchedulerConfig.of(schedule, prediction) : scheduler;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if this denoiser is closed, or if ONNX Runtime fails
   */
  @Override
  public INDArray predict(INDArray xt, INDArray t, Condition condition) {
    requireSamples(xt);
    int n = Math.toIntExact(xt.size(0));
    requireTimes(t, n);
    takes().require(condition, n);
    open.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("the model is closed");
      }
      return Detached.get(() -> run(xt, t, condition));
    } finally {
      open.readLock().unlock();
    }
  }

  private INDArray run(INDArray xt, INDArray t, Condition condition) {
    long[] shape = xt.shape().clone();
    shape[1] *= learnsVariance ? 2 : 1;
    INDArray y = Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    List<INDArray> made = new ArrayList<>();
    boolean done = false;
    try (Tensors in = new Tensors(environment);
        Tensors out = new Tensors(environment)) {
      inputs.add(in, xt, t, condition, made);
      out.add(output, y);
      session.run(in.byName(), out.byName()).close();
      done = true;
      return y;
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime failed: " + e.getMessage(), e);
    } finally {
      made.forEach(INDArray::close);
      if (!done) {
        y.close();
      }
    }
  }

  private void requireSamples(INDArray xt) {
    boolean fits = xt.dataType() == DataType.FLOAT && xt.rank() == sampleShape.length + 1;
    fits = fits && xt.size(0) > 0;
    for (int d = 0; fits && d < sampleShape.length; d++) {
      fits = xt.size(d + 1) == sampleShape[d];
    }
    if (!fits) {
      String shape = Arrays.toString(sampleShape);
      throw new IllegalArgumentException(
          "samples must be FLOAT [n, "
              + shape.substring(1)
              + " but were "
              + OnnxInputs.describe(xt));
    }
  }

  private void requireTimes(INDArray t, int n) {
    if (t.dataType() != DataType.FLOAT || t.rank() != 1 || t.size(0) != n) {
      throw new IllegalArgumentException(
          "timesteps must be FLOAT [" + n + "] but were " + OnnxInputs.describe(t));
    }
    int last = schedule.steps() - 1;
    for (int i = 0; i < n; i++) {
      float time = t.getFloat(i);
      if (schedule.isContinuous() && !Float.isFinite(time)) {
        throw new IllegalArgumentException("time must be finite but was " + time);
      }
      if (!schedule.isContinuous() && !(time >= 0 && time <= last)) {
        throw new IllegalArgumentException("timestep must be in [0, " + last + "] but was " + time);
      }
    }
  }

  /** Waits for running calls, then frees the model. Later calls throw IllegalStateException. */
  @Override
  public void close() {
    open.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        session.close();
      }
    } catch (OrtException e) {
      throw new IllegalStateException("ONNX Runtime failed: " + e.getMessage(), e);
    } finally {
      open.writeLock().unlock();
    }
  }

  /**
   * How a file is loaded. What a file of {@link OnnxExport} says of itself need not be stated; what
   * is stated is believed.
   */
  public static final class Builder {

    private final Path file;
    private final Map<String, String> names = new LinkedHashMap<>();
    private OrtSession.@Nullable SessionOptions options;
    private @Nullable NoiseSchedule schedule;
    private @Nullable Prediction prediction;
    private long @Nullable [] sampleShape;
    private @Nullable Labels labels;

    private Builder(Path file) {
      this.file = Objects.requireNonNull(file, "file");
    }

    /**
     * Sets the options of ONNX Runtime: execution provider, number of threads, and others. By
     * default it runs on the processor with ONNX Runtime's defaults. The options stay the caller's,
     * who may close them once the model is loaded.
     */
    public Builder options(OrtSession.SessionOptions value) {
      options = Objects.requireNonNull(value, "options");
      return this;
    }

    /** Sets the noise schedule, which the timesteps refer to. */
    public Builder schedule(NoiseSchedule value) {
      schedule = Objects.requireNonNull(value, "schedule");
      return this;
    }

    /** Sets what the model predicts; by default the noise. */
    public Builder prediction(Prediction value) {
      prediction = Objects.requireNonNull(value, "prediction");
      return this;
    }

    /**
     * Sets the shape of one sample, without the batch. It must be stated if the file leaves it
     * open.
     *
     * @param sizes each at least 1
     */
    public Builder sampleShape(long... sizes) {
      sampleShape = sizes.clone();
      return this;
    }

    /**
     * Says which input or output of the file is the one that {@link OnnxExport} would call {@code
     * ours}: {@code sample}, {@code timestep}, {@code class_labels}, {@code encoder_hidden_states},
     * {@code encoder_attention_mask}, {@code text_embeds}, {@code pictures} or {@code output}. The
     * only output need not be named. Inputs of other names are {@link Condition.Inputs}.
     *
     * @param ours one of these names
     * @param theirs its name in the file
     * @throws IllegalArgumentException if {@code ours} is none of these names
     */
    public Builder named(String ours, String theirs) {
      OnnxInputs.requireKnown(ours);
      names.put(ours, Objects.requireNonNull(theirs, "name"));
      return this;
    }

    /**
     * Sets what the labels of {@code class_labels} may be; by default any number of at least 0.
     *
     * @param classes at least 1
     * @param unlabelled whether samples may have no label, which is {@code classes} in the file
     * @throws IllegalArgumentException if there is no class
     */
    public Builder labels(int classes, boolean unlabelled) {
      if (classes < 1) {
        throw new IllegalArgumentException("classes must be at least 1 but were " + classes);
      }
      labels = new Labels(classes, unlabelled);
      return this;
    }

    private NoiseSchedule schedule(Optional<ModelMetadata> metadata) {
      NoiseSchedule stated = schedule;
      if (stated == null && metadata.isEmpty()) {
        throw new IllegalArgumentException(
            "noise schedule must be stated, because the file does not name one");
      }
      return stated == null ? metadata.orElseThrow().scheduler().schedule() : stated;
    }

    private Prediction prediction(Optional<ModelMetadata> metadata) {
      Prediction stated = prediction;
      return stated == null
          ? metadata.map(m -> m.scheduler().prediction()).orElse(Prediction.EPSILON)
          : stated;
    }

    private Labels labels(Optional<ModelMetadata> metadata) {
      Labels stated = labels;
      return stated == null ? metadata.map(ModelMetadata::labels).orElse(Labels.UNKNOWN) : stated;
    }

    /**
     * Loads the model, without telemetry.
     *
     * @return must be closed by the caller
     * @throws ModelFormatException if ONNX Runtime cannot load the file, or if its inputs, output
     *     or metadata do not fit what is stated; the message begins with the file
     * @throws IOException if it does not exist
     */
    public OnnxDenoiser load() throws IOException {
      if (!Files.isRegularFile(file)) {
        throw new NoSuchFileException(file.toString());
      }
      try {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        environment.setTelemetry(false);
        OrtSession session = session(environment);
        boolean done = false;
        try {
          OnnxDenoiser model = new OnnxDenoiser(this, environment, session);
          done = true;
          return model;
        } finally {
          if (!done) {
            session.close();
          }
        }
      } catch (OrtException | IllegalArgumentException e) {
        throw new ModelFormatException(file, String.valueOf(e.getMessage()), e);
      }
    }

    private OrtSession session(OrtEnvironment environment) throws OrtException {
      OrtSession.SessionOptions given = options;
      if (given != null) {
        return environment.createSession(file.toString(), given);
      }
      try (OrtSession.SessionOptions byDefault = new OrtSession.SessionOptions()) {
        return environment.createSession(file.toString(), byDefault);
      }
    }
  }
}
