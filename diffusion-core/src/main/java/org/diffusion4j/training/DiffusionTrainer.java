package org.diffusion4j.training;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.Trainer;
import org.diffusion4j.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.TrainingReport;
import org.diffusion4j.TrainingStep;
import org.diffusion4j.internal.Address;
import org.diffusion4j.internal.WeightLoops;
import org.diffusion4j.unet.Gradients;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig.TimeEmbedding;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Trains a denoiser by DDPM's algorithm 1 (Ho et al. 2020): a batch of data, a uniform timestep and
 * noise for each sample, and a step down the gradient of the mean squared error between the model's
 * output and what it should have been.
 *
 * <p>What is drawn in a step depends on the seed and on the step's number alone, so that training
 * twice on the same data gives the same losses.
 */
public final class DiffusionTrainer implements Trainer, AutoCloseable {

  private final SameDiffDenoiser model;
  private final ForwardProcess process;
  private final Optimizer.Run optimizer;
  private final double maxGradientNorm;
  private final long seed;
  private final List<INDArray> weights;
  private final List<INDArray> lastGood = new ArrayList<>();
  private long steps;
  private int epoch;
  private boolean closed;

  private DiffusionTrainer(Builder builder) {
    model = builder.model;
    requireTrainable(model);
    model.parameters().forEach(DiffusionTrainer::requireFloats);
    process = new ForwardProcess(model.schedule());
    optimizer = builder.optimizer.start(model.parameters());
    maxGradientNorm = builder.maxGradientNorm;
    seed = builder.seed;
    weights = List.copyOf(model.parameters().values());
    weights.forEach(weight -> lastGood.add(weight.dup('c')));
  }

  private static void requireFloats(String name, INDArray weight) {
    if (weight.dataType() != DataType.FLOAT || !Address.isPlain(weight)) {
      throw new IllegalArgumentException(
          "weights must be FLOAT and in C order in training but "
              + name
              + " was "
              + weight.dataType()
              + " with strides "
              + Arrays.toString(weight.stride()));
    }
  }

  private static void requireTrainable(SameDiffDenoiser model) {
    if (model instanceof UNet unet) {
      if (unet.config().dropout() > 0) {
        throw new IllegalArgumentException(
            "dropout must be 0 in training but was " + unet.config().dropout());
      }
      if (unet.config().timeEmbedding() == TimeEmbedding.FOURIER) {
        throw new IllegalArgumentException(
            "time embedding must not be FOURIER in training, for it has no value at timestep 0");
      }
    }
  }

  /**
   * A builder of a trainer.
   *
   * @param model what to train; nobody else may use it during {@link #train}
   */
  public static Builder builder(SameDiffDenoiser model) {
    return new Builder(model);
  }

  @Override
  public TrainingReport train(DataSetIterator data, int count, TrainingListener listener) {
    if (count < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + count);
    }
    if (closed) {
      throw new IllegalStateException("the trainer is closed");
    }
    long start = System.nanoTime();
    long samples = 0;
    int tail = Math.max(1, count / 10);
    double first = Double.NaN;
    double last = Double.NaN;
    double tailSum = 0;
    for (int i = 0; i < count; i++) {
      try (Batch batch = new Batch(next(data), model)) {
        int size = (int) batch.x0.size(0);
        int[] t = timesteps(size);
        TrainingStep step;
        try (INDArray noise = noise(batch.x0.shape())) {
          step = step(batch.x0, batch.condition, t, noise);
        }
        last = step.loss();
        first = i == 0 ? last : first;
        tailSum += i >= count - tail ? last : 0;
        samples += size;
        listener.onStep(step);
      }
    }
    Duration duration = Duration.ofNanos(System.nanoTime() - start);
    return new TrainingReport(count, samples, first, last, tailSum / tail, duration);
  }

  /** One step on given draws. */
  TrainingStep step(INDArray x0, Condition condition, int[] t, INDArray noise) {
    float[] timesteps = new float[t.length];
    for (int i = 0; i < t.length; i++) {
      timesteps[i] = t[i];
    }
    try (INDArray xt = process.noisy(x0, noise, t);
        INDArray time = Nd4j.createFromArray(timesteps);
        INDArray target = target(x0, noise, t);
        Gradients gradients = model.gradients(xt, time, condition, target)) {
      List<INDArray> plain = List.copyOf(gradients.of().values());
      double norm = Math.sqrt(WeightLoops.sumOfSquares(plain));
      if (!Double.isFinite(gradients.loss()) || !Double.isFinite(norm)) {
        restore();
        throw new TrainingException(
            steps,
            "loss and gradient norm must be finite but were "
                + gradients.loss()
                + " and "
                + norm
                + " at step "
                + steps
                + "; the weights are those of the last step that was finite");
      }
      WeightLoops.copy(weights, lastGood);
      clip(plain, norm);
      optimizer.step(gradients.of());
      if (!Double.isFinite(WeightLoops.sumOfSquares(weights))) {
        String name = firstNotFinite();
        restore();
        throw new TrainingException(
            steps,
            "weights must be finite but "
                + name
                + " was not after step "
                + steps
                + "; the weights are those before it");
      }
      return new TrainingStep(
          steps++,
          epoch,
          t.length,
          gradients.loss(),
          gradients.loss(),
          java.util.List.of(),
          norm,
          0,
          0);
    }
  }

  private void restore() {
    WeightLoops.copy(lastGood, weights);
  }

  private String firstNotFinite() {
    for (Map.Entry<String, INDArray> entry : model.parameters().entrySet()) {
      if (!Double.isFinite(WeightLoops.sumOfSquares(List.of(entry.getValue())))) {
        return entry.getKey();
      }
    }
    return "one";
  }

  /** What the model's output should be. */
  private INDArray target(INDArray x0, INDArray noise, int[] t) {
    return switch (model.prediction()) {
      case EPSILON -> noise.dup();
      case SAMPLE -> x0.dup();
      case VELOCITY -> process.velocity(x0, noise, t);
    };
  }

  private void clip(List<INDArray> gradients, double norm) {
    double factor = maxGradientNorm / (norm + 1e-6);
    if (factor < 1) {
      WeightLoops.scale(gradients, (float) factor);
    }
  }

  private int[] timesteps(int n) {
    return Draws.at(seed, steps).ints(n, 0, model.schedule().steps()).toArray();
  }

  private INDArray noise(long[] shape) {
    return NoiseSource.perSample(Draws.mix(seed, steps))
        .start()
        .batch(0, (int) shape[0])
        .next(shape);
  }

  private DataSet next(DataSetIterator data) {
    if (!data.hasNext()) {
      if (!data.resetSupported()) {
        throw new IllegalArgumentException("data ended and cannot be begun anew");
      }
      data.reset();
      epoch++;
      if (!data.hasNext()) {
        throw new IllegalArgumentException("data must hold at least one batch but is empty");
      }
    }
    return data.next();
  }

  /** Frees the optimizer's state; the model stays as it is. A closed trainer trains no more. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      optimizer.close();
      lastGood.forEach(INDArray::close);
    }
  }

  /** Collects the settings of a trainer. */
  public static final class Builder {

    private final SameDiffDenoiser model;
    private Optimizer optimizer = Optimizer.adam(2e-4);
    private double maxGradientNorm = Double.POSITIVE_INFINITY;
    private long seed;

    private Builder(SameDiffDenoiser model) {
      this.model = Objects.requireNonNull(model, "model");
    }

    /** Sets the rule that changes the weights; by default Adam with learning rate 2e-4. */
    public Builder optimizer(Optimizer rule) {
      optimizer = Objects.requireNonNull(rule, "optimizer");
      return this;
    }

    /** Sets the largest norm of the whole gradient; a larger one is scaled down to it. */
    public Builder maxGradientNorm(double norm) {
      if (!(norm > 0)) {
        throw new IllegalArgumentException("max gradient norm must be positive but was " + norm);
      }
      maxGradientNorm = norm;
      return this;
    }

    /** Sets the seed of the timesteps and the noise; by default 0. */
    public Builder seed(long number) {
      seed = number;
      return this;
    }

    /**
     * The trainer.
     *
     * @throws IllegalArgumentException if the model cannot be trained: a U-Net with dropout, or
     *     with a Fourier embedding of the time
     */
    public DiffusionTrainer build() {
      return new DiffusionTrainer(this);
    }
  }
}
