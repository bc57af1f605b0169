package org.diffusion4j.training;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.diffusion4j.TrainingListener;
import org.slf4j.Logger;

/** Logs at level INFO: some steps, and every epoch, validation and checkpoint. */
final class Slf4jTrainingListener implements TrainingListener {

  private final Logger log;
  private final long everySteps;

  private Slf4jTrainingListener(Logger log, long everySteps) {
    this.log = log;
    this.everySteps = everySteps;
  }

  /**
   * A listener that writes to a logger.
   *
   * @param log the logger
   * @param everySteps logs every k-th step; at least 1
   */
  static Slf4jTrainingListener of(Logger log, long everySteps) {
    if (everySteps < 1) {
      throw new IllegalArgumentException("steps must be at least 1 but were " + everySteps);
    }
    return new Slf4jTrainingListener(Objects.requireNonNull(log, "log"), everySteps);
  }

  @Override
  public void onStep(TrainingListener.Step step) {
    long done = step.index() + 1;
    if (done % everySteps == 0) {
      info(
          "step %d, epoch %d: loss %.5f, smoothed %.5f, gradient norm %.4f, learning rate %.3g,"
              + " %.1f samples/s",
          done,
          step.epoch(),
          step.loss(),
          step.smoothedLoss(),
          step.gradientNorm(),
          step.learningRate(),
          step.samplesPerSecond());
    }
  }

  @Override
  public void onEpoch(int epoch, double meanLoss) {
    info("epoch %d ended: mean loss %.5f", epoch, meanLoss);
  }

  @Override
  public void onValidation(long step, double loss) {
    info("validation after %d steps: loss %.5f", step, loss);
  }

  @Override
  public void onCheckpoint(long step, Path directory) {
    info("checkpoint after %d steps: %s", step, directory);
  }

  private void info(String format, Object... values) {
    if (log.isInfoEnabled()) {
      log.info("{}", String.format(Locale.ROOT, format, values));
    }
  }
}
