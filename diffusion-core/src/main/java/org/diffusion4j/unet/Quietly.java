package org.diffusion4j.unet;

import java.io.PrintStream;
import org.jspecify.annotations.Nullable;

/** Keeps SameDiff from printing a line to standard output for each operation it differentiates. */
final class Quietly {

  private static final String NOISE = "Added differentiated op";

  private Quietly() {}

  static synchronized void run(Runnable action) {
    PrintStream real = System.out;
    PrintStream filter =
        new PrintStream(real) {
          @Override
          public void println(@Nullable String line) {
            if (line == null || !line.startsWith(NOISE)) {
              real.println(line);
            }
          }

          // Text goes on as text, for the stream below has its own charset.
          @Override
          public void print(@Nullable String text) {
            real.print(text);
          }
        };
    System.setOut(filter);
    try {
      action.run();
    } finally {
      if (System.out == filter) {
        System.setOut(real);
      }
    }
  }
}
