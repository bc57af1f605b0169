package org.diffusion4j.training;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.TrainingListener;
import org.slf4j.Logger;

/**
 * The listeners of this library. {@link TrainingListener#andThen} joins several.
 *
 * <pre>{@code
 * try (TrainingListeners.FileListener csv = TrainingListeners.csv(Path.of("out/training.csv"))) {
 *   trainer.train(data, 10_000, csv.andThen(TrainingListeners.logging(log, 100)));
 * }
 * }</pre>
 */
public final class TrainingListeners {

  private TrainingListeners() {}

  /** A listener that keeps a file open, which {@link #close} closes. */
  public interface FileListener extends TrainingListener, Closeable {}

  /**
   * Logs at level INFO: some steps, and every epoch, validation and checkpoint.
   *
   * @param log where to
   * @param everySteps one of how many steps is logged, at least 1; the last of them
   */
  public static TrainingListener logging(Logger log, long everySteps) {
    return Slf4jTrainingListener.of(log, everySteps);
  }

  /**
   * Writes a CSV file with a row for each step, which continues when training continues.
   *
   * <p>The columns are {@code step, epoch, batch_size, loss, smoothed_loss, loss_1, loss_2, loss_3,
   * loss_4, gradient_norm, learning_rate, samples_per_second, validation_loss}: those of {@link
   * TrainingListener.Step}, {@code loss_1} to {@code loss_4} by quartile, and the validation loss
   * in the row of the last step before it, or nothing. A number that is not there yet is {@code
   * NaN}. Only {@code samples_per_second} differs between runs of the same training.
   *
   * <p>Each row is with the operating system when the step ends, so that a process that is killed
   * loses none. When a training is resumed at some step, the rows from that step on are removed
   * first: the process wrote them after its last checkpoint. A training that begins anew in the
   * same file replaces it. A step or validation whose row cannot be written throws an {@link
   * java.io.UncheckedIOException} that names the file.
   *
   * @param path where the file is or is to be; missing parent directories are made. It changes only
   *     when training begins, and has no other writer until the listener is closed
   * @throws IOException naming the file, if it is something else than such a file or cannot be
   *     written, or has another writer
   */
  public static FileListener csv(Path path) throws IOException {
    return CsvTrainingListener.open(path);
  }
}
