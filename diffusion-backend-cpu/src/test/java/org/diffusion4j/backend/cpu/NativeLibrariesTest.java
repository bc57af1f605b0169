package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;

class NativeLibrariesTest {

  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @Test
  void ofClassPath_findsTheLibraryOfEveryProcessor() {
    NativeLibraries libraries = NativeLibraries.ofClassPath();
    assertThat(libraries.platform()).isEqualTo(Loader.getPlatform());
    assertThat(libraries.extensions()).contains("");
    assertThat(libraries.prepare("")).isNull();
  }

  @Test
  void missing_namesThePlatformAndTheArtifact() {
    assertThat(NativeLibraries.missing("linux-arm64"))
        .contains("for linux-arm64", "add diffusion-backend-cpu-linux-arm64");
    assertThat(NativeLibraries.missing("linux-riscv64"))
        .contains("for linux-riscv64", "linux-arm64, macosx-arm64")
        .doesNotContain("add");
  }

  @Test
  void room_isComparedWithTheNeed() {
    Path folder = Path.of("folder");
    assertThat(ExtractionFolder.problem(folder, 1 << 20, 1 << 20)).isNull();
    assertThat(ExtractionFolder.problem(folder, (470 << 20) + 1, (12 << 20) + 7))
        .isEqualTo(
            "folder must have room for 471 MB of native libraries but has 12 MB: set the system"
                + " property org.bytedeco.javacpp.cachedir to another folder");
  }

  @Test
  void nd4jWithoutNatives_saysWhichArtifactToAdd() throws Exception {
    String withoutNatives =
        Arrays.stream(CLASS_PATH.split(File.pathSeparator))
            .filter(jar -> !Path.of(jar).getFileName().toString().contains(Loader.getPlatform()))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(start(withoutNatives, List.of()))
        .isEqualTo(
            "java.lang.UnsatisfiedLinkError: " + NativeLibraries.missing(Loader.getPlatform()));
  }

  @Test
  void nd4jWithTheLibraryOfEveryProcessor_computes() throws Exception {
    assertThat(start(CLASS_PATH, List.of("-D" + ProcessorSelection.EXTENSION + "=-")))
        .isEqualTo("4.0");
  }

  /** What a process says that starts ND4J. */
  private static String start(String classPath, List<String> options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, Program.class.getName()));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return out.strip();
  }

  /** Writes a sum of ND4J's, or why there is none. */
  static final class Program {
    public static void main(String[] arguments) {
      try {
        System.out.println(Nd4j.ones(2, 2).sumNumber().doubleValue());
      } catch (Throwable e) {
        System.out.println(e);
      }
    }
  }
}
