package org.diffusion4j.examples;

import java.io.Console;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.TrainingListener;

/** A progress bar on a terminal, or a line every few seconds without one. */
final class Progress implements AutoCloseable {

  private static final int MILLIS_ON_TERMINAL = 250;
  private static final int MILLIS_IN_LOG = 5000;
  private static final int LINE = 90;

  private final ProgressBar bar;

  Progress(String task, long steps, PrintWriter out) {
    this(task, 0, steps, out);
  }

  /** A bar for a task of which a part was done before. */
  Progress(String task, long done, long steps, PrintWriter out) {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(steps)
            .startsFrom(done, Duration.ZERO);
    if (onTerminal()) {
      builder
          .setConsumer(new ConsoleProgressBarConsumer(System.err))
          .setUpdateIntervalMillis(MILLIS_ON_TERMINAL);
    } else {
      builder
          .setConsumer(new DelegatingProgressBarConsumer(line -> print(out, line), LINE))
          .setStyle(ProgressBarStyle.ASCII)
          .setUpdateIntervalMillis(MILLIS_IN_LOG);
    }
    bar = builder.build();
  }

  private static void print(PrintWriter out, String line) {
    out.println(line.stripTrailing());
    out.flush();
  }

  /** Whether there is a terminal; from Java 22 on there is a console even without one. */
  @SuppressWarnings("SystemConsoleNull") // Its result is checked below.
  private static boolean onTerminal() {
    Console console = System.console();
    if (console == null) {
      return false;
    }
    try {
      return (boolean) Console.class.getMethod("isTerminal").invoke(console);
    } catch (ReflectiveOperationException beforeJava22) {
      return true;
    }
  }

  /** Shows the number of the step and the smoothed loss. */
  TrainingListener training() {
    return step -> {
      bar.setExtraMessage(String.format(Locale.ROOT, " loss %.4f", step.smoothedLoss()));
      bar.stepTo(step.index() + 1);
    };
  }

  /** Counts the steps of a sampler, over all batches. */
  SamplingListener sampling() {
    return step -> bar.step();
  }

  @Override
  public void close() {
    bar.close();
  }
}
