package org.diffusion4j.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.StringJoiner;
import org.diffusion4j.TrainingListener;

/** {@link TrainingListeners#csv}. */
final class CsvTrainingListener implements TrainingListeners.FileListener {

  static final String COLUMNS =
      "step,epoch,batch_size,loss,smoothed_loss,loss_1,loss_2,loss_3,loss_4,gradient_norm,"
          + "learning_rate,samples_per_second,validation_loss";

  private static final int QUARTILES = 4;

  private final Path path;
  private final CsvRows rows;

  private CsvTrainingListener(Path path, CsvRows rows) {
    this.path = path;
    this.rows = rows;
  }

  /**
   * Opens a file and prevents other writers until this is closed. The file changes only when
   * training starts.
   *
   * @param path the file; missing parent directories are created
   * @throws IOException naming the file, if it is not a file of this listener, cannot be written,
   *     or has another writer
   */
  static CsvTrainingListener open(Path path) throws IOException {
    return new CsvTrainingListener(path, CsvRows.open(path, COLUMNS));
  }

  /**
   * Writes a row.
   *
   * @throws UncheckedIOException naming the file, if it cannot be written
   */
  @Override
  public void onStep(TrainingListener.Step step) {
    StringJoiner row = new StringJoiner(",", "", ",");
    row.add(Long.toString(step.index())).add(Integer.toString(step.epoch()));
    row.add(Integer.toString(step.batchSize())).add(Double.toString(step.loss()));
    row.add(Double.toString(step.smoothedLoss()));
    List<Double> quartiles = step.lossByQuartile();
    for (int i = 0; i < QUARTILES; i++) {
      row.add(Double.toString(i < quartiles.size() ? quartiles.get(i) : Double.NaN));
    }
    row.add(Double.toString(step.gradientNorm())).add(Double.toString(step.learningRate()));
    row.add(Double.toString(step.samplesPerSecond()));
    try {
      rows.append(step.index(), row.toString());
    } catch (IOException e) {
      throw failure(e);
    }
  }

  /**
   * Completes the row of the previous step; a validation before the first step has no row.
   *
   * @throws UncheckedIOException naming the file, if it cannot be written
   */
  @Override
  public void onValidation(long step, double loss) {
    try {
      rows.complete(step - 1, Double.toString(loss));
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private UncheckedIOException failure(IOException e) {
    return new UncheckedIOException(path + ": cannot be written: " + e.getMessage(), e);
  }

  @Override
  public void close() throws IOException {
    rows.close();
  }
}
