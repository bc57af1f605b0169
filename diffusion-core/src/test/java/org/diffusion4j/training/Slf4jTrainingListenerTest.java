package org.diffusion4j.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.diffusion4j.TrainingListener;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;

class Slf4jTrainingListenerTest {

  /** Keeps the lines. */
  @SuppressWarnings("serial")
  private static final class Lines extends LegacyAbstractLogger {

    final transient List<String> lines = new ArrayList<>();
    private final boolean info;

    Lines(boolean info) {
      this.info = info;
    }

    @Override
    protected void handleNormalizedLoggingCall(
        Level level,
        Marker marker,
        String pattern,
        Object @Nullable [] arguments,
        @Nullable Throwable throwable) {
      lines.add(level + " " + MessageFormatter.basicArrayFormat(pattern, arguments));
    }

    @Override
    protected @Nullable String getFullyQualifiedCallerName() {
      return null;
    }

    @Override
    public boolean isTraceEnabled() {
      return false;
    }

    @Override
    public boolean isDebugEnabled() {
      return false;
    }

    @Override
    public boolean isInfoEnabled() {
      return info;
    }

    @Override
    public boolean isWarnEnabled() {
      return true;
    }

    @Override
    public boolean isErrorEnabled() {
      return true;
    }
  }

  private static TrainingListener.Step step(long index) {
    return new TrainingListener.Step(index, 2, 8, 0.125, 0.25, List.of(), 1.5, 2e-4, 812.34);
  }

  @Test
  void onStep_everyThird_logsOneLine() {
    Lines log = new Lines(true);
    Slf4jTrainingListener listener = Slf4jTrainingListener.of(log, 3);
    for (int i = 0; i < 8; i++) {
      listener.onStep(step(i));
    }

    assertThat(log.lines)
        .containsExactly(
            "INFO step 3, epoch 2: loss 0.12500, smoothed 0.25000, gradient norm 1.5000,"
                + " learning rate 0.000200, 812.3 samples/s",
            "INFO step 6, epoch 2: loss 0.12500, smoothed 0.25000, gradient norm 1.5000,"
                + " learning rate 0.000200, 812.3 samples/s");
  }

  @Test
  void otherEvents_areAlwaysLogged() {
    Lines log = new Lines(true);
    Slf4jTrainingListener listener = Slf4jTrainingListener.of(log, 100);
    listener.onEpoch(4, 0.5);
    listener.onValidation(20, Double.NaN);
    listener.onCheckpoint(20, Path.of("{}", "20%"));

    assertThat(log.lines)
        .containsExactly(
            "INFO epoch 4 ended: mean loss 0.50000",
            "INFO validation after 20 steps: loss NaN",
            "INFO checkpoint after 20 steps: " + Path.of("{}", "20%"));
  }

  @Test
  void infoDisabled_logsNothing() {
    Lines log = new Lines(false);
    Slf4jTrainingListener.of(log, 1).onStep(step(0));

    assertThat(log.lines).isEmpty();
  }

  @Test
  void of_noSteps_isRefused() {
    assertThatThrownBy(() -> Slf4jTrainingListener.of(new Lines(true), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("steps must be at least 1 but were 0");
  }
}
