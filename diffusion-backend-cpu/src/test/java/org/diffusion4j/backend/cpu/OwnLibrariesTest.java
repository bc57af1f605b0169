package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.factory.Nd4j;

@EnabledOnOs(OS.LINUX)
class OwnLibrariesTest {

  private static final List<String> NAMES =
      List.of("gcc_s", "gfortran", "omp", "iomp5", "tbb", "openblas", "gomp", "nd4jcpu", "dnnl");

  @Test
  void librariesOfTheSystem_areNotLoaded(@TempDir Path system) throws Exception {
    Path java = Path.of(System.getProperty("java.home"));
    for (String name : NAMES) {
      Files.copy(java.resolve("lib/libjimage.so"), system.resolve("lib" + name + ".so"));
    }
    Process process =
        new ProcessBuilder(
                java.resolve("bin/java").toString(),
                "-Djava.library.path=" + system,
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    assertThat(out).contains("libnd4jcpu.so", "libdnnl.so").doesNotContain(system.toString());
  }

  /** Loads ND4J and oneDNN, and writes which files are mapped. */
  static final class Program {
    public static void main(String[] arguments) throws IOException {
      Nd4j.ones(2, 2).close();
      Loader.load(dnnl.class);
      System.out.println(Files.readString(Path.of("/proc/self/maps")));
    }
  }
}
