package org.diffusion4j.samplers;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.SamplingException;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * The loop that all samplers share: batch by batch, step by step, with a limited number of arrays
 * ({@link BatchSize#ARRAYS}). An object is one run.
 */
final class SamplingLoop {

  private final LoopSampler<?, ?> method;
  private final Denoiser model;
  private final SamplingRequest request;
  private final List<Transition> transitions;
  private final long[] sampleShape;
  private final Recorder recorder;
  private final long begin = System.nanoTime();
  private final CheckedDenoiser denoiser;
  private final ProcessScale process;
  private @Nullable INDArray samples;
  private int calls;
  private int finished;

  private SamplingLoop(LoopSampler<?, ?> method, Denoiser model, SamplingRequest request) {
    this.model = model;
    this.request = request;
    requireDescribed(model);
    model.prediction().requireFits(model.schedule());
    process = new ProcessScale(model.schedule());
    ZeroTerminalSnr.requireFits(model, method.transitions(model.schedule()));
    this.method = method.fitted(model);
    recorder = new Recorder(request);
    denoiser = new CheckedDenoiser(model);
    transitions = transitions();
    sampleShape = model.sampleShape();
    method.requireFits(model);
    Condition.Takes.of(model).require(request.condition(), request.count());
    INDArray start = request.start();
    if (start == null && method.startsFromSamples()) {
      throw new IllegalArgumentException("start must be given: this method begins with samples");
    }
    if (start != null) {
      requireStart(start);
    }
    requireKnown();
  }

  private List<Transition> transitions() {
    NoiseSchedule schedule = model.schedule();
    OptionalDouble strength = request.strength();
    if (strength.isPresent() && strength.getAsDouble() == 0 && !method.startsFromSamples()) {
      return List.of();
    }
    return strength.isEmpty()
        ? method.transitions(schedule)
        : method.last(schedule, strength.getAsDouble());
  }

  private void requireStart(INDArray start) {
    if (start.wasClosed()) {
      throw new IllegalArgumentException("start must not be closed before the end of the run");
    }
    long[] expected = batchShape(request.count());
    if (start.dataType() != DataType.FLOAT || !Arrays.equals(start.shape(), expected)) {
      throw new IllegalArgumentException(
          "start must be FLOAT "
              + Arrays.toString(expected)
              + " but was "
              + start.dataType()
              + " "
              + Arrays.toString(start.shape()));
    }
    int bad = Finite.firstBad(start);
    if (bad >= 0) {
      throw new IllegalArgumentException("start must be finite but was not for sample " + bad);
    }
  }

  private void requireKnown() {
    SamplingRequest.Known known = request.known();
    if (known == null) {
      return;
    }
    if (method.startsFromSamples()) {
      throw new IllegalArgumentException(
          "known samples must not be given: this method begins with samples");
    }
    KnownPart.require(known, batchShape(request.count()));
  }

  private static void requireDescribed(Denoiser model) {
    if (model.schedule() == null || model.sampleShape() == null || model.prediction() == null) {
      throw new IllegalArgumentException(
          "the denoiser must have a schedule, a sample shape and a prediction but they are "
              + (model.schedule() == null ? "null" : "there")
              + ", "
              + Arrays.toString(model.sampleShape())
              + " and "
              + model.prediction());
    }
  }

  static SamplingResult run(LoopSampler<?, ?> method, Denoiser model, SamplingRequest request) {
    return Detached.get(() -> new SamplingLoop(method, model, request).run());
  }

  private SamplingResult run() {
    int count = request.count();
    int batchSize = BatchSize.of(request, model, transitions.size());
    NoiseSource.Run noise = present(request.noise().start(), "a run");
    INDArray all = Nd4j.createUninitialized(DataType.FLOAT, batchShape(count));
    samples = all;
    boolean done = false;
    try (recorder;
        denoiser) {
      while (finished < count) {
        int n = Math.min(batchSize, count - finished);
        try (INDArray batch =
            batch(
                finished,
                n,
                present(noise.batch(request.firstSample() + finished, n), "a batch"))) {
          rows(all, finished, n).assign(batch);
        }
        finished += n;
      }
      done = true;
      return new SamplingResult(all, calls, elapsed(), recorder.takeTrajectory(), request.seed());
    } finally {
      if (!done) {
        all.close();
      }
    }
  }

  private static <T> T present(@Nullable T returned, String what) {
    if (returned == null) {
      throw new SamplingException("the noise source must return " + what + " but returned null");
    }
    return returned;
  }

  private Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - begin);
  }

  private void requireGoingOn() {
    if (request.cancelToken().isCancelled()) {
      throw cancelled("cancelled");
    }
    if (Thread.currentThread().isInterrupted()) {
      throw cancelled("interrupted");
    }
  }

  private SamplingCancelledException cancelled(String how) {
    String message =
        "sampling was " + how + " after " + finished + " of " + request.count() + " samples";
    INDArray some = null;
    if (samples != null && finished > 0 && request.keepsPartial()) {
      some = rows(samples, 0, finished).dup('c');
    }
    return new SamplingCancelledException(message, finished, some, recorder.takeNewest());
  }

  private INDArray batch(int first, int n, NoiseSource.Batch noise) {
    Condition condition = request.condition().slice(first, first + n);
    INDArray x = start(first, n, noise);
    try (KnownPart known = known(first, n);
        Run run = method.start(method.transitions(model.schedule()), model.schedule())) {
      for (int k = 0; k < transitions.size(); k++) {
        INDArray before = x;
        try {
          x = step(run, first, k, x, condition, known, noise);
        } finally {
          before.close();
        }
      }
      if (known != null && transitions.isEmpty()) {
        known.replaceIn(x);
      }
    }
    return x;
  }

  private @Nullable KnownPart known(int first, int n) {
    SamplingRequest.Known known = request.known();
    return known == null ? null : KnownPart.of(known, first, batchShape(n));
  }

  /** Noise, the given start, or the given clean samples with the first transition's noise. */
  private INDArray start(int first, int n, NoiseSource.Batch noise) {
    INDArray start = request.start();
    if (start == null) {
      return draw(noise, batchShape(n));
    }
    INDArray given = rows(start, first, n);
    if (request.strength().isEmpty() || transitions.isEmpty()) {
      return given.dup('c');
    }
    Level level = transitions.get(0).from();
    try (INDArray drawn = draw(noise, batchShape(n))) {
      return Elements.combine(level.signal(), given, level.noise(), drawn);
    }
  }

  private INDArray step(
      Run run,
      int first,
      int k,
      INDArray x,
      Condition condition,
      @Nullable KnownPart known,
      NoiseSource.Batch noise) {
    Transition step = transitions.get(k);
    Supplier<INDArray> draw = () -> draw(noise, x.shape());
    INDArray seen = run.before(step, x, draw);
    try (Estimate estimate = estimate(step, seen, condition, first);
        StepNoise drawn = new StepNoise(draw, known != null)) {
      INDArray next = run.step(step, estimate, seen, drawn);
      boolean done = false;
      try {
        if (known != null) {
          boolean last = k + 1 == transitions.size();
          known.replaceIn(next, last ? Level.CLEAN : step.to(), drawn);
        }
        change(next, first, k, noise);
        recorder
            .andThen(request.listener())
            .onStep(
                new SamplingListener.Step(
                    first,
                    request.count(),
                    k,
                    transitions.size(),
                    step.t(),
                    next,
                    estimate.x0(),
                    elapsed()));
        done = true;
        return next;
      } finally {
        if (!done) {
          next.close();
        }
      }
    } finally {
      if (seen != x) {
        seen.close();
      }
    }
  }

  /** Calls the request's hook, which may change the samples after a step. */
  private void change(INDArray x, int first, int k, NoiseSource.Batch noise) {
    if (request.hook() == SamplingRequest.Hook.NONE) {
      return;
    }
    Transition step = transitions.get(k);
    double nextT = k + 1 == transitions.size() ? -1 : transitions.get(k + 1).t();
    NoiseSource.Batch checked = shape -> draw(noise, shape);
    request
        .hook()
        .afterStep(
            new SamplingRequest.Hook.Step(
                first, k, transitions.size(), step.t(), step.at(), nextT, step.to(), x, checked));
    if (x.wasClosed()) {
      throw new SamplingException(
          "the hook must leave the samples open but closed them after step " + k);
    }
    int bad = Finite.firstBad(x);
    if (bad >= 0) {
      throw new SamplingException(
          "the hook must leave finite samples but did not for sample "
              + (first + bad)
              + " after step "
              + k);
    }
  }

  /** Draws noise, possibly from the caller's own source. */
  private static INDArray draw(NoiseSource.Batch noise, long[] shape) {
    INDArray drawn = noise.next(shape.clone());
    if (drawn == null
        || drawn.wasClosed()
        || drawn.dataType() != DataType.FLOAT
        || !Arrays.equals(drawn.shape(), shape)) {
      throw new SamplingException(
          "the noise source must return a new array FLOAT "
              + Arrays.toString(shape)
              + " but returned "
              + (drawn == null ? "null" : drawn.dataType() + " " + Arrays.toString(drawn.shape())));
    }
    return drawn;
  }

  /** Calls the denoiser, in the scale of its process. */
  private Estimate estimate(Transition step, INDArray x, Condition condition, int first) {
    INDArray input = process.scaled(x, process.own(step.at()));
    try {
      return estimateFrom(step, input, condition, first);
    } finally {
      if (input != x) {
        input.close();
      }
    }
  }

  private Estimate estimateFrom(Transition step, INDArray x, Condition condition, int first) {
    try (INDArray t = timesteps(x.size(0), step.t())) {
      requireGoingOn();
      calls++;
      INDArray output = denoiser.predict(x, t, condition, first, name(step.t()));
      boolean copies = model.learnsVariance() || output == x || !output.closeable();
      INDArray prediction = null;
      INDArray variance = null;
      boolean done = false;
      try {
        if (model.learnsVariance()) {
          long channels = x.size(1);
          prediction = channels(output, 0, channels).dup('c');
          variance = channels(output, channels, 2 * channels).dup('c');
        } else {
          prediction = copies ? output.dup('c') : output;
        }
        Estimate estimate =
            Estimate.of(
                process,
                model.prediction(),
                x,
                prediction,
                copies,
                variance,
                step.at(),
                method.options.correction);
        done = true;
        return estimate;
      } finally {
        if (!done && copies) {
          Linear.close(prediction);
          Linear.close(variance);
        }
      }
    }
  }

  private static INDArray timesteps(long n, double t) {
    float[] all = new float[(int) n];
    Arrays.fill(all, (float) t);
    return Nd4j.create(all, new long[] {n}, 'c');
  }

  private static INDArray channels(INDArray array, long first, long end) {
    return array.get(NDArrayIndex.all(), NDArrayIndex.interval(first, end));
  }

  /** A timestep as text; 12 for 12.0. */
  private static String name(double t) {
    return t == Math.rint(t) ? Long.toString((long) t) : Double.toString(t);
  }

  private static INDArray rows(INDArray array, int first, int n) {
    return array.get(NDArrayIndex.interval(first, first + n));
  }

  private long[] batchShape(int n) {
    long[] shape = new long[sampleShape.length + 1];
    shape[0] = n;
    System.arraycopy(sampleShape, 0, shape, 1, sampleShape.length);
    return shape;
  }
}
