package org.diffusion4j.training;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.diffusion4j.TrainingListener;
import org.slf4j.Logger;

/**
 * Listeners for logging and CSV files. {@link TrainingListener#andThen} combines several.
 *
 * <pre>{@code
 * try (TrainingListeners.FileListener csv = TrainingListeners.csv(Path.of("out/training.csv"))) {
 *   trainer.train(data, 10_000, csv.andThen(TrainingListeners.logging(log, 100)));
 * }
 * }</pre>
 */
public final class TrainingListeners {

  private TrainingListeners() {}

  /** A listener with an open file; {@link #close} closes it. */
  public interface FileListener extends TrainingListener, Closeable {}

  /**
   * Logs at level INFO: some steps, and every epoch, validation and checkpoint.
   *
   * @param log the logger
   * @param everySteps logs every k-th step; at least 1
   */
  public static TrainingListener logging(Logger log, long everySteps) {
    return Slf4jTrainingListener.of(log, everySteps);
  }

  /**
   * Writes a CSV file with a row per step. Resumed training continues the file.
   *
   * <p>The columns are {@code step, epoch, batch_size, loss, smoothed_loss, loss_1, loss_2, loss_3,
   * loss_4, gradient_norm, learning_rate, samples_per_second, validation_loss}: those of {@link
   * TrainingListener.Step}, {@code loss_1} to {@code loss_4} by quartile, and the validation loss
   * in the row of the last step before the validation, otherwise empty. A value that does not exist
   * yet is {@code NaN}. Only {@code samples_per_second} differs between runs of the same training.
   *
   * <p>Each row is passed to the operating system at the end of the step, so a killed process loses
   * no row. When training is resumed at a step, the rows from this step on are removed, because
   * they were written after the last checkpoint. A new training with the same file replaces it. A
   * step or validation whose row cannot be written throws an {@link java.io.UncheckedIOException}
   * that names the file.
   *
   * @param path the file; missing parent directories are created. The file changes only when
   *     training starts, and other writers are refused until the listener is closed
   * @throws IOException naming the file, if it is not a file of this listener, cannot be written,
   *     or has another writer
   */
  public static FileListener csv(Path path) throws IOException {
    return CsvTrainingListener.open(path);
  }
}
