package org.diffusion4j.benchmarks;

import java.io.IOException;

/** The {@code main} of a process that runs a contestant's case and prints a {@link Measurement}. */
final class Child {

  /** A contestant at work. */
  @FunctionalInterface
  interface Work {

    /**
     * Runs steps as long as the clock wants more, and tells it the end of each.
     *
     * @param arguments of the program, which begin with the case's
     * @return the number of the network's parameters
     */
    long run(Case what, StepClock clock, String... arguments) throws Exception;
  }

  private Child() {}

  /** Works, prints, and ends this process: libtorch's threads would keep it alive. */
  static void main(Work work, String... arguments) {
    endWithParent();
    Case what = Case.parse(arguments);
    StepClock clock = new StepClock(what.seconds());
    try {
      long parameters = work.run(what, clock, arguments);
      Measurement measurement =
          new Measurement(
              clock.medianMs(), clock.minMs(), clock.steps(), ResidentMemory.peakMb(), parameters);
      System.out.println(measurement.line());
      System.exit(0);
    } catch (IllegalArgumentException | IllegalStateException e) {
      System.err.println("error: " + e.getMessage());
      System.exit(1);
    } catch (Exception | LinkageError | OutOfMemoryError e) {
      e.printStackTrace();
      System.exit(1);
    }
  }

  /** Whoever started this process holds its input open; when that ends, nobody waits any more. */
  private static void endWithParent() {
    Thread watch =
        new Thread(
            () -> {
              try {
                while (System.in.read() >= 0) {}
              } catch (IOException closed) {
                // As good as the end.
              }
              Runtime.getRuntime().halt(1);
            },
            "parent watch");
    watch.setDaemon(true);
    watch.start();
  }
}
