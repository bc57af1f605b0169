package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.SameDiffDenoiser.Gradients;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Gradient descent steps. A step leaves finite weights, or does not change them. */
final class Descent implements AutoCloseable {

  private static final double LARGEST_NORM = Math.sqrt(Float.MAX_VALUE);

  private static final String ADVICE = "; lower the learning rate or maxGradientNorm";

  private final SameDiffDenoiser model;
  private final Loss loss;
  private final double maxNorm;
  private final Optimizer.Run optimizer;
  private final List<INDArray> weights;
  private final List<INDArray> lastGood = new ArrayList<>();
  private final @Nullable Exchange exchange;
  private @Nullable GradientSum sum;

  /**
   * @param exchange with the other processes of the training, if there are any
   */
  Descent(
      SameDiffDenoiser model,
      Loss loss,
      Optimizer optimizer,
      double maxNorm,
      @Nullable Exchange exchange) {
    this.model = model;
    this.exchange = exchange;
    this.loss = loss;
    this.maxNorm = maxNorm;
    this.optimizer = optimizer.start(model.parameters());
    weights = List.copyOf(model.parameters().values());
    weights.forEach(weight -> lastGood.add(weight.dup('c')));
  }

  /** Accepts weights that were written from outside as good. */
  void weightsReplaced() {
    WeightLoops.copy(weights, lastGood);
  }

  Optimizer.Run optimizer() {
    return optimizer;
  }

  /**
   * The results of a step.
   *
   * @param losses the loss of each sample
   * @param norm gradient norm before clipping
   */
  record Outcome(double loss, double[] losses, double norm, double learningRate) {}

  /**
   * The batches of a step.
   *
   * @param sizes the number of samples of each
   * @param first number of the first batch that this process computes
   * @param own the batches that this process computes, one after another
   */
  record Batches(int[] sizes, int first, List<MicroBatch> own) {

    /** All batches of a step, computed here. */
    static Batches of(List<MicroBatch> all) {
      return new Batches(all.stream().mapToInt(MicroBatch::size).toArray(), 0, all);
    }

    int samples() {
      return Arrays.stream(sizes).sum();
    }

    private double share(int batch) {
      return (double) sizes[batch] / samples();
    }
  }

  /**
   * Performs a step.
   *
   * @param batches parts of the step's samples, weighted by their sizes
   * @param where step, batch and learning rate, for messages
   */
  Outcome step(Batches batches, Where where) {
    double[] losses = new double[batches.samples()];
    double rate = optimizer.learningRate();
    if (batches.sizes.length == 1) {
      try (Gradients gradients = gradients(batches.own.get(0))) {
        copyLosses(gradients, losses, 0);
        double norm = descend(gradients.loss(), gradients.of(), where);
        return new Outcome(gradients.loss(), losses, norm, rate);
      }
    }
    double[] means = new double[batches.sizes.length];
    Map<String, INDArray> total = sum(batches, means, losses, where.step);
    double mean = 0;
    for (int i = 0; i < means.length; i++) {
      mean += batches.share(i) * means[i];
    }
    double norm = descend(mean, total, where);
    model.weightsChanged();
    return new Outcome(mean, losses, norm, rate);
  }

  /** The gradient of a step; sets the loss of each batch and of each sample. */
  private Map<String, INDArray> sum(Batches batches, double[] means, double[] losses, long step) {
    GradientSum total = sum == null ? new GradientSum(model.parameters()) : sum;
    sum = total;
    total.clear();
    int batch = batches.first;
    int sample = Arrays.stream(batches.sizes, 0, batch).sum();
    for (MicroBatch microBatch : batches.own) {
      try (Gradients gradients = gradients(microBatch)) {
        copyLosses(gradients, losses, sample);
        total.add(batch, gradients.of(), (float) batches.share(batch));
        means[batch] = gradients.loss();
      }
      sample += microBatch.size();
      batch++;
    }
    return exchange == null
        ? total.total()
        : exchange.sum(step, batches.sizes, means, losses, total);
  }

  /**
   * Checks that training can continue with the current weights: that loss and gradient of the last
   * batch are finite.
   *
   * @param where the step that computed them
   * @throws TrainingException if not; the weights are then those from before the step
   */
  void verify(MicroBatch microBatch, Where where) {
    List<INDArray> state =
        optimizer.state().values().stream().filter(Descent::isPlainFloats).toList();
    double found;
    double norm;
    try (Gradients gradients = gradients(microBatch)) {
      found = gradients.loss();
      norm = Math.sqrt(WeightLoops.sumOfSquares(List.copyOf(gradients.of().values())));
    }
    boolean finiteState = state.isEmpty() || Double.isFinite(WeightLoops.sumOfSquares(state));
    // Optimizers square gradients in single precision.
    if (finiteState
        && Double.isFinite(found)
        && Double.isFinite(norm)
        && Math.min(norm, maxNorm) < LARGEST_NORM) {
      return;
    }
    restore();
    throw new TrainingException(
        where.step,
        "training diverged in "
            + where
            + ": loss and gradient norm after it are "
            + found
            + " and "
            + norm
            + (finiteState ? "" : " and the optimizer's state is not finite")
            + ADVICE);
  }

  private static boolean isPlainFloats(INDArray array) {
    return array.dataType() == DataType.FLOAT && Address.isPlain(array);
  }

  private Gradients gradients(MicroBatch microBatch) {
    Loss.NoisyBatch batch = microBatch.batch();
    try (INDArray time = Nd4j.createFromArray(batch.times())) {
      return model.gradients(
          batch.xt(),
          time,
          microBatch.condition(),
          loss.of(batch, microBatch.condition()),
          microBatch.dropout());
    }
  }

  /** The loss of each sample; the loss of a batch is their mean. */
  private static void copyLosses(Gradients gradients, double[] losses, int first) {
    double[] shares = gradients.losses();
    for (int i = 0; i < shares.length; i++) {
      losses[first + i] = shares[i] * shares.length;
    }
  }

  private double descend(double found, Map<String, INDArray> gradients, Where where) {
    List<INDArray> plain = List.copyOf(gradients.values());
    double norm = Math.sqrt(WeightLoops.sumOfSquares(plain));
    if (!Double.isFinite(found) || !Double.isFinite(norm)) {
      restore();
      throw new TrainingException(
          where.step,
          "loss and gradient norm must be finite but were "
              + found
              + " and "
              + norm
              + " at "
              + where
              + "; the weights are those of the last finite step"
              + ADVICE);
    }
    WeightLoops.copy(weights, lastGood);
    double factor = maxNorm / (norm + 1e-6);
    if (factor < 1) {
      WeightLoops.scale(plain, (float) factor);
    }
    optimizer.step(gradients);
    if (!Double.isFinite(WeightLoops.sumOfSquares(weights))) {
      String name = firstNotFinite();
      restore();
      throw new TrainingException(
          where.step,
          "weights must be finite but "
              + Shown.text(name)
              + " was not after "
              + where
              + "; the weights are those before it"
              + ADVICE);
    }
    return norm;
  }

  /** A position in a training. */
  record Where(long step, int batch, int epoch, double learningRate) {
    @Override
    public String toString() {
      return "step "
          + step
          + ", batch "
          + batch
          + " of epoch "
          + epoch
          + ", learning rate "
          + learningRate;
    }
  }

  private void restore() {
    WeightLoops.copy(lastGood, weights);
    model.weightsChanged();
  }

  private String firstNotFinite() {
    for (Map.Entry<String, INDArray> entry : model.parameters().entrySet()) {
      if (!Double.isFinite(WeightLoops.sumOfSquares(List.of(entry.getValue())))) {
        return entry.getKey();
      }
    }
    return "one";
  }

  @Override
  public void close() {
    optimizer.close();
    lastGood.forEach(INDArray::close);
    if (sum != null) {
      sum.close();
    }
  }
}
