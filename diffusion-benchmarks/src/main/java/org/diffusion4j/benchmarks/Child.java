package org.diffusion4j.benchmarks;

import java.io.IOException;

/** The {@code main} of a process that runs a contestant's case and prints a {@link Measurement}. */
final class Child {

  /** The work of a contestant. */
  @FunctionalInterface
  interface Work {

    /**
     * Runs steps until the clock stops, and reports the end of each step to the clock.
     *
     * @param arguments arguments of the program, beginning with those of the case
     * @return the number of the network's parameters
     */
    long run(Case what, StepClock clock, String... arguments) throws Exception;
  }

  private Child() {}

  /**
   * Runs the work, prints the result and ends this process, which libtorch's threads would keep
   * alive.
   */
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

  /** Ends this process with its parent, which holds the standard input open. */
  private static void endWithParent() {
    Thread watch =
        new Thread(
            () -> {
              try {
                while (System.in.read() >= 0) {}
              } catch (IOException closed) {
                // The same as the end of the input.
              }
              Runtime.getRuntime().halt(1);
            },
            "parent watch");
    watch.setDaemon(true);
    watch.start();
  }
}
