package org.diffusion4j.spark;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.spark.TrainingJob.Done;
import scala.Function1;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Trains one model on several executors, synchronously. A step is cut into a fixed number of
 * pieces, which the executors share; their gradients are added in the order of the pieces. So the
 * weights have the bits of a training in one process with {@link
 * org.diffusion4j.training.DiffusionTrainer.Builder#accumulation accumulation(pieces)}, whatever
 * the number of executors, if all compute with the same number of threads ({@code
 * diffusion4j.threads}) on the same kind of processor. Immutable.
 *
 * <p>Checkpoints are written to a shared folder. If an executor is lost, Spark starts the stage
 * again, and it goes on from the newest whole checkpoint; {@code
 * spark.stage.maxConsecutiveAttempts} limits how often.
 *
 * <pre>{@code
 * SparkTraining.Report report =
 *     SparkTraining.builder(spark, digits, "hdfs:///checkpoints/digits")
 *         .executors(2)
 *         .batchSize(64)
 *         .pieces(4)
 *         .checkpointEvery(100)
 *         .build()
 *         .trainTo(2_000, new DigitsTraining(), TrainingListeners.logging(log, 50));
 * }</pre>
 */
public final class SparkTraining {

  private static final int TOKEN_BYTES = 32;

  private final Builder settings;

  private SparkTraining(Builder settings) {
    this.settings = settings;
  }

  /**
   * A builder.
   *
   * @param data training data that all executors reach
   * @param checkpoints folder of any Hadoop file system that the driver and all executors reach;
   *     created if missing. A training goes on from the newest checkpoint that is there
   */
  public static Builder builder(SparkSession spark, SparkSamples data, String checkpoints) {
    return new Builder(spark, data, checkpoints);
  }

  /**
   * What a training has done.
   *
   * @param checkpoint the newest checkpoint, a model directory
   * @param steps number of steps that were done since the last attempt of Spark's began
   * @param seconds time that they took
   * @param exchangeSeconds of it, the mean time of a process in exchanges of gradients, including
   *     the time to wait for slower ones
   * @param exchangeBytes mean number of bytes that a process received in exchanges
   */
  public record Report(
      String checkpoint,
      long steps,
      double seconds,
      double exchangeSeconds,
      double exchangeBytes) {}

  /**
   * Trains until a total number of steps is done, including those of earlier calls with the same
   * folder.
   *
   * @param total at least 1
   * @param toTrain makes model and trainer on each executor
   * @param listener is told on the driver, some seconds later, of the steps and validations of
   *     process 0. If an executor fails, it may miss some steps; it is told of none twice
   * @throws IOException if the folder cannot be written by the driver
   * @throws IllegalStateException if Spark allocates executors dynamically, or too few have
   *     registered
   */
  public Report trainTo(long total, ToTrain toTrain, TrainingListener listener) throws IOException {
    if (total < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but was " + total);
    }
    SparkContext context = settings.spark.sparkContext();
    requireStatic(context.getConf());
    requireExecutors(context);
    String token = token();
    SharedFolder folder = SharedFolder.of(settings.spark, settings.checkpoints);
    folder.create();
    folder.write(TrainingJob.probe(token), out -> out.writeUTF(folder.uri()));
    TrainingEvents events = new TrainingEvents();
    context.register(events, "diffusion4j training");
    EventForwarder forwarder = new EventForwarder(events, listener);
    context.addSparkListener(forwarder);
    try {
      List<Done> done = run(context, job(total, toTrain, folder, token, events));
      forwarder.forward(events.value());
      forwarder.rethrow();
      return report(folder, done);
    } finally {
      context.removeSparkListener(forwarder);
      folder.delete(TrainingJob.probe(token));
    }
  }

  /** Trains without a listener. */
  public Report trainTo(long total, ToTrain toTrain) throws IOException {
    return trainTo(total, toTrain, TrainingListener.NONE);
  }

  private TrainingJob job(
      long total, ToTrain toTrain, SharedFolder folder, String token, TrainingEvents events) {
    return new TrainingJob(
        settings.data.folder(),
        settings.data.layout(),
        toTrain,
        folder,
        token,
        settings.batchSize / settings.pieces,
        settings.pieces,
        total,
        settings.everySteps,
        settings.kept,
        settings.shuffle,
        settings.flip,
        settings.timeout,
        events);
  }

  private static String token() {
    byte[] random = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  /** Barrier stages and executors that come and go exclude each other. */
  static void requireStatic(SparkConf settings) {
    if (settings.getBoolean("spark.dynamicAllocation.enabled", false)) {
      throw new IllegalStateException(
          "spark.dynamicAllocation.enabled must be false for a training but was true");
    }
  }

  private void requireExecutors(SparkContext context) {
    if (context.isLocal()) {
      int threads = context.defaultParallelism();
      if (threads < settings.executors) {
        throw tooFew(threads + " threads in local mode are there");
      }
      return;
    }
    long end = System.nanoTime() + settings.timeout.toNanos();
    while (executors(context) < settings.executors) {
      if (System.nanoTime() > end) {
        throw tooFew(
            executors(context) + " registered within " + settings.timeout.toSeconds() + " s");
      }
      pause();
    }
  }

  private IllegalStateException tooFew(String found) {
    return new IllegalStateException(
        "executors must be at least " + settings.executors + " but " + found);
  }

  /** The number of executors, without the driver. */
  private static int executors(SparkContext context) {
    return context.statusTracker().getExecutorInfos().length - 1;
  }

  private static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for executors", e);
    }
  }

  /** A function of Scala's that can be sent to executors. */
  private interface SerializableFunction<A, B> extends Function1<A, B>, Serializable {}

  private List<Done> run(SparkContext context, TrainingJob job) {
    JavaSparkContext java = JavaSparkContext.fromSparkContext(context);
    List<Integer> ranks = IntStream.range(0, settings.executors).boxed().toList();
    ClassTag<Done> tag = ClassTag$.MODULE$.apply(Done.class);
    SerializableFunction<scala.collection.Iterator<Integer>, scala.collection.Iterator<Done>> task =
        rank -> CollectionConverters.asScala(started(job));
    JavaRDD<Done> done =
        java.parallelize(ranks, settings.executors)
            .rdd()
            .barrier()
            .mapPartitions(task, false, tag)
            .toJavaRDD();
    // Spark tries only stages before a shuffle again if a barrier task fails.
    JavaPairRDD<Integer, Iterable<Done>> gathered =
        done.mapToPair(each -> new Tuple2<>(0, each)).groupByKey(1);
    String interrupts = context.getLocalProperty("spark.job.interruptOnCancel");
    context.setLocalProperty("spark.job.interruptOnCancel", "true");
    try {
      List<Done> all = new ArrayList<>();
      gathered.values().collect().forEach(some -> some.forEach(all::add));
      return all;
    } finally {
      context.setLocalProperty("spark.job.interruptOnCancel", interrupts);
    }
  }

  private static Iterator<Done> started(TrainingJob job) {
    try {
      return job.run();
    } catch (IOException e) {
      // Spark shows the first line of what a task throws.
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private static Report report(SharedFolder folder, List<Done> done) throws IOException {
    List<String> names = CheckpointMirror.names(folder);
    double seconds = done.stream().mapToLong(Done::nanos).max().orElse(0) / 1e9;
    return new Report(
        folder.resolve(names.get(names.size() - 1)).uri(),
        done.get(0).steps(),
        seconds,
        done.stream().mapToLong(Done::exchangeNanos).average().orElse(0) / 1e9,
        done.stream().mapToLong(Done::exchangeBytes).average().orElse(0));
  }

  /** Builds a training. */
  public static final class Builder {

    private final SparkSession spark;
    private final SparkSamples data;
    private final String checkpoints;
    private int executors = 1;
    private int batchSize = 64;
    private int pieces = 8;
    private int everySteps = 100;
    private int kept = 3;
    private long shuffle;
    private boolean flip;
    private Duration timeout = Duration.ofMinutes(2);

    private Builder(SparkSession spark, SparkSamples data, String checkpoints) {
      this.spark = Objects.requireNonNull(spark, "spark");
      this.data = Objects.requireNonNull(data, "data");
      this.checkpoints = Objects.requireNonNull(checkpoints, "checkpoints");
    }

    private Builder(Builder from) {
      this(from.spark, from.data, from.checkpoints);
      executors = from.executors;
      batchSize = from.batchSize;
      pieces = from.pieces;
      everySteps = from.everySteps;
      kept = from.kept;
      shuffle = from.shuffle;
      flip = from.flip;
      timeout = from.timeout;
    }

    /** Sets the number of processes, one task each; at most as many as pieces. By default 1. */
    public Builder executors(int number) {
      executors = positive("executors", number);
      return this;
    }

    /** Sets the number of samples of a step over all executors, by default 64. */
    public Builder batchSize(int samples) {
      batchSize = positive("batch size", samples);
      return this;
    }

    /**
     * Sets the number of pieces that the samples of a step are cut into, by default 8. The bits of
     * the weights depend on it, but not on the number of executors.
     *
     * @param number a power of two that divides the batch size
     */
    public Builder pieces(int number) {
      pieces = positive("pieces", number);
      return this;
    }

    /** Sets the number of steps between checkpoints, by default 100. */
    public Builder checkpointEvery(int steps) {
      everySteps = positive("steps between checkpoints", steps);
      return this;
    }

    /** Sets how many checkpoints are kept besides the one with the lowest validation loss. */
    public Builder keepLast(int number) {
      kept = positive("checkpoints kept", number);
      return this;
    }

    /** Sets the seed of the order of the samples, by default 0. */
    public Builder shuffle(long seed) {
      shuffle = seed;
      return this;
    }

    /** Mirrors images at random, as {@link org.diffusion4j.data.SampleIterator.Builder#flip}. */
    public Builder flip() {
      flip = true;
      return this;
    }

    /**
     * Sets how long a process waits for the others in an exchange, by default 2 minutes. It must be
     * longer than a step and the writing of a checkpoint.
     */
    public Builder timeout(Duration time) {
      if (time.isNegative() || time.isZero()) {
        throw new IllegalArgumentException("timeout must be positive but was " + time);
      }
      timeout = time;
      return this;
    }

    private static int positive(String what, int value) {
      if (value < 1) {
        throw new IllegalArgumentException(what + " must be at least 1 but was " + value);
      }
      return value;
    }

    /**
     * The training.
     *
     * @throws IllegalArgumentException if pieces are not a power of two, do not divide the batch
     *     size, or are fewer than executors; or if the folder of checkpoints has no name
     */
    public SparkTraining build() {
      if (checkpoints.isBlank()) {
        throw new IllegalArgumentException(
            "folder of checkpoints must be one that all executors reach but was blank");
      }
      if (Integer.bitCount(pieces) != 1) {
        throw new IllegalArgumentException("pieces must be a power of two but were " + pieces);
      }
      if (pieces > batchSize || batchSize % pieces != 0) {
        throw new IllegalArgumentException(
            "batch size must be a multiple of the pieces, " + pieces + ", but was " + batchSize);
      }
      if (executors > pieces) {
        throw new IllegalArgumentException(
            "executors must be at most as many as pieces, " + pieces + ", but were " + executors);
      }
      return new SparkTraining(new Builder(this));
    }
  }
}
