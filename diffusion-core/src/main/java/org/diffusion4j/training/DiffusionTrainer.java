package org.diffusion4j.training;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.function.ObjLongConsumer;
import java.util.random.RandomGenerator;
import org.diffusion4j.CancelToken;
import org.diffusion4j.Condition;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.Trainer;
import org.diffusion4j.Trainer.TrainingException;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.engine.cpu.Address;
import org.diffusion4j.engine.cpu.CpuEngine;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.internal.common.Detached;
import org.diffusion4j.pretrained.PretrainedModel.Provenance;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.api.DataSet;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a denoiser with DDPM's algorithm 1 (Ho et al. 2020). Each step takes a batch, draws a
 * uniform timestep and noise for each sample, and performs a gradient step on a {@link Loss}, by
 * default the mean squared error between the model's output and its target.
 *
 * <p>The labels of a batch are what the model is conditioned by: one-hot rows {@code [n, classes]};
 * for a model that takes embeddings {@code [n, tokens, width]}, or vectors {@code [n, width]} of a
 * single token each; for a model that takes both {@code [n, classes + width]}, the one-hot values
 * first. For a model that takes pictures, the channels of a sample's picture follow those of the
 * sample: {@code [n, channels + pictureChannels, height, width]}.
 *
 * <p>Random draws depend only on the seed and the number of the step. So training twice with the
 * same data gives the same losses, and resumed training gives the same weights as uninterrupted
 * training (see {@link #resume}).
 */
public final class DiffusionTrainer implements Trainer, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(DiffusionTrainer.class);
  private static final long LABELS = 0x1abe15;
  private static final long PICTURES = 0x91c7;

  private final Settings settings;
  private final SameDiffDenoiser model;
  private final ForwardProcess process;
  private final Descent descent;
  private final @Nullable WeightAverage average;
  private final @Nullable PowerAverages powers;
  private final @Nullable Saver saver;
  private final @Nullable Exchange exchange;
  private final Feed feed;
  private final LossStatistics losses = new LossStatistics();
  private long steps;
  private long resumed = -1;
  private @Nullable LastStep lastStep;
  private boolean labelsWereSeen;
  private boolean failed;
  private boolean closed;

  private DiffusionTrainer(Settings settings) {
    this.settings = settings;
    model = settings.model();
    settings.loss().check(model);
    model.requireTrainable();
    model.parameters().forEach(DiffusionTrainer::requireFloats);
    Checkpoints checkpoints = settings.checkpoints();
    if (checkpoints != null) {
      checkpoints.requireFit(model);
    }
    feed = new Feed(model.classes() > 0);
    process = new ForwardProcess(model.schedule());
    Peers peers = settings.peers();
    exchange = peers == null ? null : new Exchange(peers, settings.accumulation());
    descent =
        new Descent(
            model, settings.loss(), settings.optimizer(), settings.maxGradientNorm(), exchange);
    average = settings.ema() == 0 ? null : new WeightAverage(model, settings.ema());
    powers =
        checkpoints == null || checkpoints.averageSteps() == 0
            ? null
            : new PowerAverages(
                model, checkpoints.directory().resolve("averages"), checkpoints.averageSteps());
    saver =
        checkpoints == null
            ? null
            : new Saver(
                checkpoints,
                settings,
                descent.optimizer(),
                average,
                powers,
                feed,
                losses,
                this::verify);
  }

  private void verify() {
    if (lastStep != null) {
      try {
        descent.verify(lastStep.microBatch(), lastStep.where());
      } catch (TrainingException e) {
        failed = true;
        throw withWayBack(e);
      }
    }
  }

  /** Adds to a message where training can be resumed. */
  private TrainingException withWayBack(TrainingException e) {
    long saved = saver == null ? -1 : saver.savedStep();
    if (saver == null || saved < 1) {
      return e;
    }
    String name = String.valueOf(saver.at(saved).getFileName());
    return new TrainingException(
        e.step(),
        e.getMessage()
            + " and resume from "
            + name
            + (saved == resumed && saved == steps ? ", or remove it to resume from before" : ""));
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

  /**
   * A builder of a trainer.
   *
   * @param model the model to train; nothing else may use it during {@link #train}
   */
  public static Builder builder(SameDiffDenoiser model) {
    return new Builder(model);
  }

  /** The number of steps done, including those before training was resumed. */
  public long steps() {
    return steps;
  }

  /**
   * Resumes from the newest complete checkpoint, if there is one. It restores the weights, their
   * average, the optimizer's state, the step and, at the next {@link #train}, the position in the
   * data. With the same data, settings and number of threads, training continues bit by bit as if
   * it had never stopped. Damaged checkpoints are named in a warning and skipped.
   *
   * @return the number of steps done, 0 if there is no checkpoint
   * @throws IllegalArgumentException if the checkpoint has another architecture, schedule or
   *     prediction; the next {@link #train} throws it if it gets other data. The message says what
   *     differs
   * @throws IllegalStateException if this trainer has no checkpoints, is closed, or has done a step
   * @throws IOException if there are checkpoints but none is complete
   */
  public long resume() throws IOException {
    if (steps > 0) {
      throw new IllegalStateException(
          "training must not have started before it is resumed but is at step " + steps);
    }
    Saver from = requireSaver();
    try {
      return Detached.get(
          () -> {
            try {
              steps = from.resume();
              resumed = steps;
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
            descent.weightsReplaced();
            return steps;
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Writes a checkpoint of the last step, unless it exists or no step was done. May be called
   * between calls of {@link #train} and in a listener.
   *
   * @throws IllegalStateException in a preview, after a step that failed, or if this trainer has no
   *     checkpoints or is closed
   * @throws UncheckedIOException if it cannot be written; earlier ones are unchanged
   */
  public void checkpoint() {
    if (failed) {
      throw new IllegalStateException(
          "a checkpoint must be of a completed step but step " + steps + " failed");
    }
    Saver to = requireSaver();
    if (savesHere()) {
      outsideOfWorkspaces(() -> to.saveIfNew(steps, TrainingListener.NONE));
    }
  }

  /** Of several processes the first writes the checkpoints. */
  private boolean savesHere() {
    Peers peers = settings.peers();
    return saver != null && (peers == null || peers.rank() == 0);
  }

  private static void outsideOfWorkspaces(Runnable work) {
    Detached.get(
        () -> {
          work.run();
          return work;
        });
  }

  private Saver requireSaver() {
    requireOpen();
    if (saver == null) {
      throw new IllegalStateException("the trainer was given no checkpoints");
    }
    return saver;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the trainer is closed");
    }
  }

  /**
   * Replaces the model's weights by the averaged ones, for sampling and saving after training.
   *
   * @throws IllegalStateException if the trainer does not average weights
   */
  public void useAverage() {
    requireOpen();
    if (average == null) {
      throw new IllegalStateException("the trainer averages no weights");
    }
    outsideOfWorkspaces(average::copyToModel);
    descent.weightsReplaced();
  }

  /**
   * Replaces the model's weights by an average over the training in which the weights of a step
   * count with a power of its number, put together from {@linkplain Checkpoints#averages
   * snapshots}: EDM2 (Karras et al. 2024), section 3.2. It may be called again with another width,
   * to choose the best; before training goes on, {@link #resume} in a new trainer.
   *
   * @param width the standard deviation of the profile as a part of the training, in [0.01, 0.28];
   *     0.05 to 0.15 are usual
   * @throws IllegalArgumentException if the width is out of range
   * @throws IllegalStateException if the trainer keeps no snapshots or has done no step
   * @throws UncheckedIOException if a snapshot cannot be read
   */
  public void useAverage(double width) {
    requireOpen();
    PowerAverages from = powers;
    if (from == null || steps == 0) {
      throw new IllegalStateException(
          from == null
              ? "the trainer was given no checkpoints with averages"
              : "averages must be of a training but no step was done");
    }
    outsideOfWorkspaces(() -> from.copyToModel(width, steps));
    descent.weightsReplaced();
  }

  /**
   * {@inheritDoc}
   *
   * <p>Ends early, after a whole step, if the thread is interrupted or the builder's {@link
   * CancelToken} is cancelled.
   *
   * @throws UncheckedIOException if a checkpoint cannot be written; earlier ones are unchanged
   * @throws IllegalStateException if the checkpoint directory has checkpoints but {@link #resume}
   *     was not called, or if this trainer is closed
   */
  @Override
  public Trainer.Report train(DataSetIterator data, int count, TrainingListener listener) {
    if (count < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + count);
    }
    return Detached.get(() -> run(data, steps + count, listener));
  }

  /**
   * Trains until a total number of steps is done, including those before training was resumed.
   *
   * @param data as for {@link #train}
   * @param total total number of steps, at least 1; nothing is done if it was reached before
   * @param listener observes the training
   */
  public Trainer.Report trainTo(DataSetIterator data, long total, TrainingListener listener) {
    if (total < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + total);
    }
    return Detached.get(() -> run(data, total, listener));
  }

  /**
   * Trains without a listener until a total number of steps is done.
   *
   * @see #trainTo(DataSetIterator, long, TrainingListener)
   */
  public Trainer.Report trainTo(DataSetIterator data, long total) {
    return trainTo(data, total, TrainingListener.NONE);
  }

  private Trainer.Report run(DataSetIterator data, long end, TrainingListener listener) {
    requireOpen();
    if (saver != null) {
      saver.requireOwnFolder();
    }
    if (model.classes() > 0) {
      requireClasses(data);
    }
    feed.open(data);
    if (exchange != null && steps < end) {
      exchange.agree(facts(data));
    }
    Tally tally = new Tally((int) Math.min(Integer.MAX_VALUE, Math.max(0, end - steps)));
    boolean cancelled = isCancelled();
    while (steps < end && !cancelled) {
      List<Batch> batches = new ArrayList<>();
      int[] sizes = new int[settings.accumulation()];
      try {
        if (fetch(batches, sizes, listener)) {
          TrainingListener.Step step = step(batches, sizes, tally);
          tally.add(step);
          listener.onStep(step);
          afterStep(listener);
        }
      } finally {
        batches.forEach(Batch::close);
      }
      cancelled = isCancelled();
    }
    if (savesHere()) {
      requireSaver().saveIfNew(steps, listener);
    }
    return tally.report(cancelled && steps < end);
  }

  /** Checks the classes of the validation data before the first step. */
  private void requireClasses(DataSetIterator data) {
    Validation validation = settings.validation();
    if (validation != null) {
      List<String> names = DataClasses.of(validation.data());
      DataClasses.requireFit("validation data", names, model);
      DataClasses.requireSame("validation data", names, "the data", DataClasses.of(data));
    }
  }

  private boolean isCancelled() {
    CancelToken token = settings.cancelToken();
    return Thread.currentThread().isInterrupted() || (token != null && token.isCancelled());
  }

  /** What must be the same in all processes of a training. */
  private Map<String, String> facts(DataSetIterator data) {
    Map<String, String> facts = new TreeMap<>(settings.described());
    facts.put("library", Provenance.ofThisLibrary().toString());
    facts.put("processor's instructions", CpuEngine.instructions());
    facts.put("step", Long.toString(steps));
    facts.put("weights", WeightLoops.checksum(List.copyOf(model.parameters().values())));
    facts.put("data", Feed.description(data));
    return facts;
  }

  /**
   * Takes the batches of a step that are computed here; none if the thread was interrupted.
   *
   * @param sizes gets the sizes of all batches of the step
   */
  private boolean fetch(List<Batch> batches, int[] sizes, TrainingListener listener) {
    IntConsumer atEndOfEpoch = epoch -> listener.onEpoch(epoch, losses.endEpoch());
    try {
      for (int i = 0; i < sizes.length; i++) {
        if (isOurs(i)) {
          Batch next = feed.next(this::batch, atEndOfEpoch);
          batches.add(next);
          sizes[i] = next.size();
        } else {
          sizes[i] = feed.skip(atEndOfEpoch);
        }
      }
      return true;
    } catch (RuntimeException e) {
      feed.rewind();
      losses.rewind();
      if (e instanceof UncheckedIOException && Thread.currentThread().isInterrupted()) {
        return false;
      }
      throw e;
    }
  }

  private int firstBatch() {
    return exchange == null ? 0 : exchange.first();
  }

  private boolean isOurs(int batch) {
    return exchange == null || (batch >= exchange.first() && batch < exchange.end());
  }

  private Batch batch(DataSet data) {
    INDArray labels = data.getLabels();
    Condition.Takes takes = Condition.Takes.of(model);
    if (takes.classes() == 0
        && takes.embeddingWidth() == 0
        && labels != null
        && !labels.isEmpty()
        && !labelsWereSeen) {
      labelsWereSeen = true;
      LOG.warn("the labels of the data are not used because the model has no classes");
    }
    return new Batch(data, model);
  }

  /**
   * Performs a step; keeps the first batch and removes it from the list.
   *
   * @param batches those that are computed here
   * @param sizes of all batches of the step
   */
  private TrainingListener.Step step(List<Batch> batches, int[] sizes, Tally tally) {
    RandomGenerator draws = Draws.at(settings.seed(), steps);
    RandomGenerator labels = Draws.at(settings.seed() ^ LABELS, steps);
    RandomGenerator levels = Draws.at(settings.seed() ^ PICTURES, steps);
    Corruption corruption = settings.corruption();
    long seed = Draws.mix(settings.seed(), steps);
    NoiseSource.Run noise = NoiseSource.perSample(seed).start();
    List<MicroBatch> microBatches = new ArrayList<>();
    List<Corruption.Noisy> corrupted = new ArrayList<>();
    Condition typical = batches.get(0).condition;
    int[] allT = new int[0];
    int first = 0;
    try {
      for (int i = 0; i < sizes.length; i++) {
        int n = sizes[i];
        int[] t = corruption.timesteps(draws, n, model.schedule());
        if (isOurs(i)) {
          Batch batch = batches.get(microBatches.size());
          NoiseSource.Batch epsilon = noise.batch(first, n);
          Corruption.Noisy noisy = corruption.corrupt(process, batch.x0, t, epsilon);
          corrupted.add(noisy);
          Condition given = corruption.condition(process, batch, levels, epsilon);
          Condition condition = batch.withDropout(given, settings.labelDropout(), labels);
          Loss.NoisyBatch noisyBatch = noisyBatch(batch.x0, noisy.noise(), noisy.xt(), t);
          microBatches.add(new MicroBatch(noisyBatch, condition, new Dropout(seed, first)));
        } else {
          // Draw the same numbers: the batches of a data set have the same kind of condition.
          corruption.skip(n, typical.part(Condition.Pictures.class).isPresent(), levels);
          if (!typical.isNone() && settings.labelDropout() > 0) {
            Batch.dropped(n, settings.labelDropout(), labels);
          }
        }
        allT = Ints.concat(allT, t);
        first += n;
      }
      Descent.Where where = where();
      TrainingListener.Step done =
          descend(new Descent.Batches(sizes, firstBatch(), microBatches), allT, tally);
      closeLastStep();
      lastStep = new LastStep(batches.remove(0), corrupted.remove(0), microBatches.get(0), where);
      return done;
    } finally {
      corrupted.forEach(Corruption.Noisy::close);
    }
  }

  private Loss.NoisyBatch noisyBatch(INDArray x0, INDArray noise, INDArray xt, int[] t) {
    return new Loss.NoisyBatch(x0, noise, xt, t, model.schedule(), model.prediction());
  }

  /** Performs a step with given draws. */
  TrainingListener.Step step(INDArray x0, Condition condition, int[] t, INDArray noise) {
    try (INDArray xt = process.noisy(x0, noise, t)) {
      Dropout dropout = new Dropout(Draws.mix(settings.seed(), steps), 0);
      MicroBatch microBatch = new MicroBatch(noisyBatch(x0, noise, xt, t), condition, dropout);
      return descend(Descent.Batches.of(List.of(microBatch)), t, new Tally(1));
    }
  }

  private void closeLastStep() {
    if (lastStep != null) {
      lastStep.close();
      lastStep = null;
    }
  }

  private Descent.Where where() {
    return new Descent.Where(steps, feed.batch(), feed.epoch(), descent.optimizer().learningRate());
  }

  private TrainingListener.Step descend(Descent.Batches batches, int[] t, Tally tally) {
    failed = true;
    Descent.Outcome outcome;
    try {
      outcome = descent.step(batches, where());
    } catch (TrainingException e) {
      throw withWayBack(e);
    }
    failed = false;
    if (average != null) {
      average.update(steps);
    }
    if (powers != null) {
      powers.update(steps + 1);
    }
    losses.add(outcome.loss(), outcome.losses(), t, model.schedule().steps());
    feed.mark();
    return new TrainingListener.Step(
        steps++,
        feed.epoch(),
        t.length,
        outcome.loss(),
        losses.smoothed(),
        losses.byQuartile(),
        outcome.norm(),
        outcome.learningRate(),
        tally.samplesPerSecond(t.length));
  }

  private void afterStep(TrainingListener listener) {
    if (powers != null) {
      powers.saveIfDue(steps);
    }
    Validation validation = settings.validation();
    if (validation != null && steps % validation.everySteps() == 0) {
      double loss = loss(validation);
      listener.onValidation(steps, loss);
      if (savesHere()) {
        requireSaver().saveIfBest(steps, loss, listener);
      }
    }
    Settings.Preview preview = settings.preview();
    if (preview != null && steps % preview.everySteps() == 0) {
      show(preview);
    }
    if (savesHere()) {
      requireSaver().saveIfDue(steps, listener);
    }
  }

  private void show(Settings.Preview preview) {
    try {
      withAverage(() -> preview.show().accept(model, steps));
    } catch (SamplingCancelledException e) {
      // It ends only the preview; whether training ends is checked after the step.
      e.close();
    }
  }

  private double loss(Validation validation) {
    double[] loss = new double[1];
    Runnable measure =
        () -> loss[0] = validation.loss(model, settings.loss(), settings.corruption(), process);
    try {
      Uninterrupted.run(() -> withAverage(measure));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return loss[0];
  }

  private void withAverage(Runnable action) {
    if (average == null) {
      action.run();
    } else {
      average.use(action);
    }
  }

  /** Frees the optimizer's state but not the model. A closed trainer cannot train. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      descent.close();
      closeLastStep();
      if (average != null) {
        average.close();
      }
      if (powers != null) {
        powers.close();
      }
      if (saver != null) {
        saver.close();
      }
    }
  }

  /**
   * The processes that train one model together. Each computes some of the batches of a step, whose
   * gradients are then summed over all processes, and each makes the same step. So all have the
   * weights that one process would have with the same {@linkplain Builder#accumulation number of
   * batches}, bit by bit, if they compute with the same number of threads.
   */
  public interface Peers {

    /** The number of this process, in [0, size). */
    int rank();

    /** The number of processes, at least 1. */
    int size();

    /**
     * Sends a message to each process, and receives one of each. Processes call this equally often;
     * a call ends when all have.
     *
     * @param messages one for each process, this one included, by rank; they may be read until the
     *     next call
     * @return the messages of all processes to this one, by rank, valid until the next call
     * @throws UncheckedIOException naming the process that is lost or does not answer
     */
    ByteBuffer[] exchange(ByteBuffer[] messages);
  }

  /** Builds a trainer. */
  public static final class Builder {

    private final SameDiffDenoiser model;
    private Optimizer optimizer = Optimizer.adam(2e-4);
    private Loss loss = Loss.meanSquaredError();
    private Corruption corruption = Corruption.standard();
    private double maxGradientNorm = Double.POSITIVE_INFINITY;
    private int accumulation = 1;
    private double ema;
    private double labelDropout;
    private @Nullable Checkpoints checkpoints;
    private @Nullable Validation validation;
    private Settings.@Nullable Preview preview;
    private @Nullable CancelToken cancelToken;
    private @Nullable Peers peers;
    private long seed;

    private Builder(SameDiffDenoiser model) {
      this.model = Objects.requireNonNull(model, "model");
    }

    /** Sets the optimizer; by default Adam with learning rate 2e-4. */
    public Builder optimizer(Optimizer rule) {
      optimizer = Objects.requireNonNull(rule, "optimizer");
      return this;
    }

    /** Sets the loss; by default {@link Loss#meanSquaredError()}. */
    public Builder loss(Loss what) {
      loss = Objects.requireNonNull(what, "loss");
      return this;
    }

    /**
     * Adds the same random number to the noise of all pixels of a channel, so that the model learns
     * to change the mean of a channel (Guttenberg, Diffusion with Offset Noise, 2023). A vector has
     * one channel. By default 0.
     *
     * @param strength standard deviation of the number, in [0, 1]; 0.1 in the source
     */
    public Builder offsetNoise(double strength) {
      corruption = corruption.withOffset(strength);
      return this;
    }

    /**
     * Input perturbation (Ning et al. 2023): computes the noisy samples from {@code epsilon + gamma
     * xi} with xi standard normal, but the target remains epsilon. This simulates the errors of a
     * sampler's intermediate samples. By default 0.
     *
     * @param gamma in [0, 1]; 0.1 in the paper
     */
    public Builder inputPerturbation(double gamma) {
      corruption = corruption.withPerturbation(gamma);
      return this;
    }

    /**
     * Draws noise levels whose log(sigma) is normal, instead of uniform timesteps; of the
     * schedule's timesteps the nearest is taken. EDM (Karras et al. 2022), section 5, has mean -1.2
     * and deviation 1.2. For {@link org.diffusion4j.NoiseSchedule#flow} it is the logit-normal
     * distribution of Esser et al. 2024, section 3.1, with mean 0 and deviation 1.
     *
     * @param mean of log(sigma), finite
     * @param deviation of log(sigma), positive and finite
     */
    public Builder logNormalLevels(double mean, double deviation) {
      corruption = corruption.withLevels(new LogNormalLevels(mean, deviation));
      return this;
    }

    /**
     * Pairs noise with the clean samples of each batch by optimal transport (Tong et al. 2024,
     * section 3.3): of all pairings that with the least sum of squared distances. With {@link
     * org.diffusion4j.NoiseSchedule#flow} the paths of the trained flow become straighter, so that
     * fewer steps are needed. A batch of n takes time of order {@code n^3}; labels are not looked
     * at, so a model of classes should be trained without it.
     */
    public Builder pairNoise() {
      corruption = corruption.withPairing();
      return this;
    }

    /**
     * Conditioning augmentation (Ho et al. 2022, Cascaded Diffusion Models, section 4.2): adds
     * noise to the pictures of the condition, as {@link ForwardProcess#noisy} does, at a timestep
     * that is uniform in {@code [0, level]} for each sample. So a model that enlarges tolerates
     * pictures that are not perfect, and one may add noise of such a level to them in sampling.
     * Unlike the paper's, the model is not told the timestep. By default there is none.
     *
     * @param level in [0, T-1]
     */
    public Builder pictureNoise(int level) {
      if (level < 0) {
        throw new IllegalArgumentException("picture noise must be at least 0 but was " + level);
      }
      corruption = corruption.withPictures(level);
      return this;
    }

    /** Sets the maximum global gradient norm; larger gradients are scaled down to it. */
    public Builder maxGradientNorm(double norm) {
      if (!(norm > 0)) {
        throw new IllegalArgumentException("max gradient norm must be positive but was " + norm);
      }
      maxGradientNorm = norm;
      return this;
    }

    /**
     * Sets the number of batches of a step (gradient accumulation). The step is the same as with
     * one batch that contains them all, but needs less memory. By default 1.
     */
    public Builder accumulation(int batches) {
      if (batches < 1) {
        throw new IllegalArgumentException(
            "batches of a step must be at least 1 but were " + batches);
      }
      accumulation = batches;
      return this;
    }

    /**
     * Computes an exponential moving average of the weights, for {@link #useAverage}, checkpoints,
     * validation and previews. By default there is none.
     *
     * @param decay weight of the old average in a step, in (0, 1); at most {@code (1 + k) / (10 +
     *     k)} at step k
     */
    public Builder ema(double decay) {
      if (!(decay > 0 && decay < 1)) {
        throw new IllegalArgumentException("ema decay must be in (0, 1) but was " + decay);
      }
      ema = decay;
      return this;
    }

    /**
     * Drops the labels of some samples, so that a model with a null class also learns to sample
     * without labels: Ho and Salimans 2022, algorithm 1. Embeddings and pictures are dropped with
     * them: they become zeros, so guidance needs {@link
     * Condition.Pictures#withZerosUnconditional()}. By default 0.
     *
     * @param probability for each sample, in [0, 1)
     */
    public Builder labelDropout(double probability) {
      if (!(probability >= 0 && probability < 1)) {
        throw new IllegalArgumentException(
            "label dropout must be in [0, 1) but was " + probability);
      }
      labelDropout = probability;
      return this;
    }

    /** Sets where and when checkpoints are written. By default there are none. */
    public Builder checkpoints(Checkpoints where) {
      checkpoints = Objects.requireNonNull(where, "checkpoints");
      return this;
    }

    /**
     * Measures the loss of other data with the same noise each time, using the averaged weights if
     * there are any. The checkpoint with the lowest loss is kept.
     *
     * @param data validation data, read from the beginning each time
     * @param everySteps at least 1
     */
    public Builder validation(DataSetIterator data, int everySteps) {
      validation = new Validation(data, everySteps);
      return this;
    }

    /**
     * Calls a function with the model, with the averaged weights if there are any, for example to
     * sample from it. The model must be used only during the call.
     *
     * @param everySteps at least 1
     * @param show gets the model and the number of steps done
     */
    public Builder preview(int everySteps, ObjLongConsumer<SameDiffDenoiser> show) {
      preview = new Settings.Preview(everySteps, show);
      return this;
    }

    /** Sets the token that ends training after a step. */
    public Builder cancelToken(CancelToken token) {
      cancelToken = Objects.requireNonNull(token, "cancel token");
      return this;
    }

    /**
     * Trains together with other processes, which have the same settings, data and initial weights;
     * what differs is named in the first {@code train}. Process r of R computes the batches {@code
     * floor(r S / R)} to {@code floor((r + 1) S / R) - 1} of the S of a step. All get the same
     * losses; each validates on its own; only process 0 writes checkpoints, and all resume from
     * them.
     *
     * @param processes at most as many as {@link #accumulation} has batches
     */
    public Builder peers(Peers processes) {
      peers = Objects.requireNonNull(processes, "peers");
      return this;
    }

    /** Sets the seed of the timesteps, the noise and the dropped labels; by default 0. */
    public Builder seed(long number) {
      seed = number;
      return this;
    }

    /**
     * The trainer.
     *
     * @throws IllegalArgumentException if the settings do not fit the model: a Fourier time
     *     embedding, label dropout without a null class, picture noise without pictures, or a loss
     *     for other models
     */
    public DiffusionTrainer build() {
      Condition.Takes takes = Condition.Takes.of(model);
      boolean droppable =
          model.hasNullClass()
              || (takes.classes() == 0
                  && (takes.embeddingWidth() > 0 || takes.pictureChannels() > 0));
      int steps = model.schedule().steps();
      if (corruption.pictureLevel() >= steps) {
        throw new IllegalArgumentException(
            "picture noise must be in [0, "
                + (steps - 1)
                + "] but was "
                + corruption.pictureLevel());
      }
      if (corruption.pictureLevel() != Corruption.CLEAN && takes.pictureChannels() == 0) {
        throw new IllegalArgumentException(
            "picture noise must be for a model that takes pictures but was "
                + corruption.pictureLevel());
      }
      if (labelDropout > 0 && !droppable) {
        throw new IllegalArgumentException(
            "label dropout must be 0 for a model without a null class but was " + labelDropout);
      }
      Settings settings =
          new Settings(
              model,
              optimizer,
              loss,
              corruption,
              maxGradientNorm,
              accumulation,
              ema,
              labelDropout,
              checkpoints,
              validation,
              preview,
              cancelToken,
              peers,
              seed);
      return Detached.get(() -> new DiffusionTrainer(settings));
    }
  }
}
