package org.diffusion4j.tensorboard;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Objects;
import javax.imageio.ImageIO;
import org.diffusion4j.TrainingListener;

/**
 * Writes a training as an event file, which {@code tensorboard --logdir} shows.
 *
 * <table>
 *   <caption>Scalars, at the number of steps done</caption>
 *   <tr><th>tag</th><th>value</th></tr>
 *   <tr><td>{@code loss/batch}, {@code loss/smoothed}</td><td>of the step</td></tr>
 *   <tr><td>{@code loss/quartile_1} to {@code loss/quartile_4}</td><td>smoothed loss by quarter of
 *   the schedule, once there is one</td></tr>
 *   <tr><td>{@code loss/epoch}, {@code loss/validation}</td><td>of the epoch that ended, of the
 *   validation</td></tr>
 *   <tr><td>{@code training/gradient_norm}, {@code training/learning_rate}, {@code
 *   training/samples_per_second}, {@code training/epoch}</td><td>of the step</td></tr>
 * </table>
 *
 * <p>Each event is with the operating system when the method returns, so a process that is killed
 * loses none. Each listener writes a file of its own and changes no other. A training that is
 * resumed continues in a new file of the same directory, which says at which step it starts, so
 * that TensorBoard discards later events of the files before. If an event cannot be written, an
 * {@link UncheckedIOException} names the file. Thread-safe.
 */
public final class TensorBoardListener implements TrainingListener, Closeable {

  // Event
  private static final int WALL_TIME = 1;
  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;
  // SessionLog
  private static final int STATUS = 1;
  private static final long START = 1;
  // Summary, Summary.Value and Summary.Image
  private static final int VALUE = 1;
  private static final int TAG = 1;
  private static final int SIMPLE_VALUE = 2;
  private static final int IMAGE = 4;
  private static final int HEIGHT = 1;
  private static final int WIDTH = 2;
  private static final int COLORSPACE = 3;
  private static final int ENCODED_IMAGE = 4;
  private static final long RGB = 3;

  private final EventFile file;
  private final long everySteps;
  private long done;
  private boolean started;

  private TensorBoardListener(EventFile file, long everySteps) {
    this.file = file;
    this.everySteps = everySteps;
  }

  /**
   * Creates an event file.
   *
   * @param directory of this training, created if it is missing; TensorBoard shows each directory
   *     as a run
   * @param everySteps one of how many steps is written, at least 1; the last of them
   * @throws IOException if the file cannot be created
   */
  public static TensorBoardListener open(Path directory, long everySteps) throws IOException {
    if (everySteps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + everySteps);
    }
    EventFile file = EventFile.create(directory, System.currentTimeMillis() / 1000);
    TensorBoardListener listener = new TensorBoardListener(file, everySteps);
    try {
      listener.write(event().text(FILE_VERSION, "brain.Event:2"));
      return listener;
    } catch (UncheckedIOException e) {
      file.close();
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public synchronized void onStep(TrainingListener.Step step) {
    done = step.index() + 1;
    start(done);
    if (done % everySteps == 0) {
      Message summary = new Message();
      scalar(summary, "loss/batch", step.loss());
      scalar(summary, "loss/smoothed", step.smoothedLoss());
      for (int i = 0; i < step.lossByQuartile().size(); i++) {
        double loss = step.lossByQuartile().get(i);
        if (!Double.isNaN(loss)) {
          scalar(summary, "loss/quartile_" + (i + 1), loss);
        }
      }
      scalar(summary, "training/gradient_norm", step.gradientNorm());
      scalar(summary, "training/learning_rate", step.learningRate());
      if (Double.isFinite(step.samplesPerSecond())) {
        scalar(summary, "training/samples_per_second", step.samplesPerSecond());
      }
      scalar(summary, "training/epoch", step.epoch());
      write(done, summary);
    }
  }

  @Override
  public synchronized void onEpoch(int epoch, double meanLoss) {
    write(done, scalar(new Message(), "loss/epoch", meanLoss));
  }

  @Override
  public synchronized void onValidation(long step, double loss) {
    start(step);
    write(step, scalar(new Message(), "loss/validation", loss));
  }

  /**
   * Writes a picture, such as {@code ImageFiles.grid} of samples.
   *
   * @param tag the picture's name; equal names at several steps are one series
   * @param step the number of steps done
   * @param picture stored as PNG
   */
  public synchronized void picture(String tag, long step, BufferedImage picture) {
    Objects.requireNonNull(tag, "tag");
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    try {
      if (!ImageIO.write(picture, "png", png)) {
        throw new IOException("this Java runtime cannot write PNG");
      }
    } catch (IOException e) {
      throw failure(e);
    }
    Message image =
        new Message()
            .number(HEIGHT, picture.getHeight())
            .number(WIDTH, picture.getWidth())
            .number(COLORSPACE, RGB)
            .bytes(ENCODED_IMAGE, png.toByteArray());
    write(step, new Message().message(VALUE, new Message().text(TAG, tag).message(IMAGE, image)));
  }

  private static Message scalar(Message summary, String tag, double value) {
    return summary.message(VALUE, new Message().text(TAG, tag).number(SIMPLE_VALUE, (float) value));
  }

  /** Says, once, that a session starts: events of earlier files from that step on are discarded. */
  private void start(long step) {
    if (!started) {
      started = true;
      Message session = new Message().number(STATUS, START);
      write(event().number(STEP, step).message(SESSION_LOG, session));
    }
  }

  private void write(long step, Message summary) {
    write(event().number(STEP, step).message(SUMMARY, summary));
  }

  private static Message event() {
    return new Message().number(WALL_TIME, System.currentTimeMillis() / 1000.0);
  }

  private void write(Message event) {
    try {
      file.append(event.toBytes());
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException(file.path() + ": cannot be written: " + e.getMessage(), e);
  }

  @Override
  public synchronized void close() throws IOException {
    file.close();
  }
}
