package org.diffusion4j.benchmarks;

/** Times our U-Net. The arguments are a {@link Case}'s. */
final class OursProcess {

  /**
   * The listener that measures the time cannot stop a training, so it runs in short pieces. The
   * start of a piece adds to the time of one step in four, which does not affect the median.
   */
  private static final int PIECE = 4;

  private OursProcess() {}

  public static void main(String[] args) {
    Child.main(OursProcess::run, args);
  }

  private static long run(Case what, StepClock clock, String... arguments) {
    try (OurNetwork network = new OurNetwork(what.net(), what.batch(), what.precision())) {
      while (clock.running()) {
        switch (what.mode()) {
          case INFER -> {
            network.predict();
            clock.tick();
          }
          case TRAIN -> network.train(PIECE, step -> clock.tick());
        }
      }
      return network.parameterCount();
    }
  }
}
