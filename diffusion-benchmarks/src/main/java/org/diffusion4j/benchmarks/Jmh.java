package org.diffusion4j.benchmarks;

import java.io.IOException;
import org.openjdk.jmh.Main;

/** Runs the JMH benchmarks of this module; the arguments are JMH's. */
public final class Jmh {

  private Jmh() {}

  /** Runs the benchmarks whose names match, or all. */
  public static void main(String[] args) throws IOException {
    Main.main(args);
  }
}
