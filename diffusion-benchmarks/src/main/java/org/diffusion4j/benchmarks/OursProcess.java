package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Times our network. The arguments are a {@link Case}'s and, if the network takes texts, the
 * directory of its weights.
 */
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

  private static long run(Case what, StepClock clock, String... arguments) throws IOException {
    try (OurNetwork network = network(what, arguments)) {
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

  private static OurNetwork network(Case what, String... arguments) throws IOException {
    return what.net().takesText()
        ? new OurNetwork(
            Path.of(arguments[arguments.length - 1]), what.net(), what.batch(), what.precision())
        : new OurNetwork(what.net(), what.batch(), what.precision());
  }
}
