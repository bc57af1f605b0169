package org.diffusion4j.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.Serial;
import java.io.Serializable;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.BarrierTaskContext;
import org.diffusion4j.Trainer;
import org.diffusion4j.TrainingListener;
import org.diffusion4j.data.SampleIterator;
import org.diffusion4j.training.Checkpoints;
import org.diffusion4j.training.DiffusionTrainer;
import org.diffusion4j.unet.SameDiffDenoiser;

/**
 * What a task of a training does.
 *
 * @param samples folder of the training data
 * @param checkpoints shared folder; the driver has written a file with the token into it
 * @param token known to the tasks of this training alone
 * @param pieceSize samples of a piece of a step
 * @param pieces number of pieces of a step
 * @param total number of steps, including those before the training was resumed
 */
record TrainingJob(
    SharedFolder samples,
    StoredSamples.Layout layout,
    ToTrain toTrain,
    SharedFolder checkpoints,
    String token,
    int pieceSize,
    int pieces,
    long total,
    int everySteps,
    int kept,
    long shuffle,
    boolean flip,
    Duration timeout,
    TrainingEvents events)
    implements Serializable {

  @Serial private static final long serialVersionUID = 1;

  private static final String PROBE = ".reachable-";

  /**
   * What a task has done.
   *
   * @param steps number of steps since the task began
   * @param nanos time of these steps
   * @param exchangeNanos of it, the time in exchanges, waiting for others included
   * @param exchangeBytes received from others
   */
  record Done(int rank, int steps, long nanos, long exchangeNanos, long exchangeBytes)
      implements Serializable {

    @Serial private static final long serialVersionUID = 1;
  }

  /** The file by which executors see that they reach the driver's folder. */
  static String probe(String token) {
    return PROBE + token.substring(0, 8);
  }

  /** Runs a task of a barrier stage. */
  Iterator<Done> run() throws IOException {
    BarrierTaskContext context = BarrierTaskContext.get();
    int rank = context.partitionId();
    String address = context.getTaskInfos()[rank].address();
    String host = address.substring(0, address.lastIndexOf(':'));
    requireReachable(host);
    ServerSocket server = SocketPeers.listen(host);
    String ours = host + ":" + server.getLocalPort();
    List<String> addresses = Arrays.asList(context.allGather(ours));
    Path local = Files.createTempDirectory("diffusion4j-training-");
    try (SocketPeers peers = SocketPeers.connect(rank, server, addresses, token, timeout)) {
      return List.of(train(peers, local)).iterator();
    } finally {
      LocalFolders.delete(local);
    }
  }

  private void requireReachable(String host) throws IOException {
    if (!checkpoints.exists(probe(token))) {
      throw new IOException(
          checkpoints
              + ": must be a folder that all executors reach, but the executor at "
              + host
              + " does not find what the driver wrote there");
    }
  }

  private Done train(SocketPeers peers, Path local) throws IOException {
    CheckpointMirror mirror = new CheckpointMirror(checkpoints, local);
    fetchNewest(peers, mirror);
    boolean first = peers.rank() == 0;
    try (StoredSamples source = StoredSamples.open(samples, layout);
        SameDiffDenoiser model = toTrain.model();
        DiffusionTrainer trainer =
            toTrain
                .settings(DiffusionTrainer.builder(model), source)
                .accumulation(pieces)
                .checkpoints(Checkpoints.in(local).everySteps(everySteps).keepLast(kept))
                .peers(peers)
                .build()) {
      trainer.resume();
      long before = trainer.steps();
      TrainingListener listener = first ? mirror.andThen(reporter()) : TrainingListener.NONE;
      long start = System.nanoTime();
      long exchanged = peers.nanos();
      Trainer.Report report = trainer.trainTo(data(source), total, listener);
      long nanos = System.nanoTime() - start;
      // Nobody leaves before the last checkpoint is written: a task that ends is not tried again.
      exchangeText(peers, "");
      if (report.cancelled()) {
        throw new IOException("training was interrupted after step " + trainer.steps());
      }
      return new Done(
          peers.rank(),
          (int) (trainer.steps() - before),
          nanos,
          peers.nanos() - exchanged,
          peers.bytesReceived());
    }
  }

  private SampleIterator data(StoredSamples source) {
    SampleIterator.Builder data = SampleIterator.of(source, pieceSize).shuffle(shuffle);
    return (flip ? data.flip(shuffle) : data).build();
  }

  /** Copies the newest whole checkpoint, which process 0 chooses, to all processes. */
  private static void fetchNewest(SocketPeers peers, CheckpointMirror mirror) throws IOException {
    String chosen = peers.rank() == 0 ? mirror.fetchAll().orElse("") : "";
    String newest = exchangeText(peers, chosen);
    if (peers.rank() > 0 && !newest.isEmpty() && !mirror.fetch(newest)) {
      throw new IOException(newest + ": could not be read by process " + peers.rank());
    }
  }

  /** Tells all processes a text; the text of process 0. */
  private static String exchangeText(SocketPeers peers, String text) {
    ByteBuffer[] messages = new ByteBuffer[peers.size()];
    Arrays.setAll(messages, q -> ByteBuffer.wrap(text.getBytes(UTF_8)));
    return UTF_8.decode(peers.exchange(messages)[0].duplicate()).toString();
  }

  private TrainingListener reporter() {
    return new TrainingListener() {
      private long steps;

      @Override
      public void onStep(Step step) {
        steps = step.index() + 1;
        events.add(TrainingEvents.StepDone.of(step));
      }

      @Override
      public void onEpoch(int epoch, double meanLoss) {
        // It is told while the next step is prepared.
        events.add(new TrainingEvents.EpochEnded(steps, epoch, meanLoss));
      }

      @Override
      public void onValidation(long step, double loss) {
        events.add(new TrainingEvents.Validated(step, loss));
      }
    };
  }
}
