package org.diffusion4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Noise in runtime images that hold little, and under class loaders that know little. */
class SmallRuntimeTest {

  @Test
  void noise_inARuntimeOfTheBaseModuleAlone() throws IOException, InterruptedException {
    String out =
        run(
            "--limit-modules",
            "java.base",
            "-cp",
            System.getProperty("java.class.path"),
            Program.class.getName());
    assertThat(out).isEqualTo("made");
  }

  private static String run(String... arguments) throws IOException, InterruptedException {
    String[] command = new String[arguments.length + 1];
    command[0] = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    process.waitFor();
    return out;
  }

  /** Makes noise on a thread whose class loader finds nothing but the platform's classes. */
  static final class Program {
    public static void main(String[] arguments) {
      Thread.currentThread().setContextClassLoader(ClassLoader.getPlatformClassLoader());
      NoiseSource.perSample(1).start().batch(0, 3);
      System.out.print("made");
    }
  }
}
