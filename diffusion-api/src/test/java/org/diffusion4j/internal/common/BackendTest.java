package org.diffusion4j.internal.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.stream.Collectors;
import org.diffusion4j.NoiseSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ND4J's start in applications that lack something, each in a process of its own. */
class BackendTest {

  private static final String BACKENDS = ".*(backend-cpu|nd4j-native|nd4j-presets).*";
  private static final String NATIVES = ".*-(linux|windows|macosx)-(x86_64|arm64).*";

  @TempDir Path folder;

  @Test
  void classPathWithoutABackend_endsInTheArtifactToAdd() throws Exception {
    assertThat(run(classPath(BACKENDS), "", "plain"))
        .isEqualTo(
            "a backend of ND4J must be on the class path but none is: add diffusion-backend-cpu, or"
                + " that of a platform, such as diffusion-backend-cpu-linux-x86_64, or"
                + " diffusion-backend-cuda for a GPU");
  }

  @Test
  void classPathWithoutNatives_endsInTheArtifactThatHasThem() throws Exception {
    assertThat(run(classPath(NATIVES), "", "plain"))
        .contains("must be on the class path but are not")
        .contains("diffusion-backend-cpu")
        .hasSizeLessThan(300);
  }

  @Test
  void nativesOfAnotherPlatform_endInTheArtifactAndThePlatform() throws Exception {
    assertThat(run(classPath(""), "-Dorg.bytedeco.javacpp.platform=linux-ppc64le", "plain"))
        .contains("linux-ppc64le must be on the class path but are not")
        .contains("diffusion-backend-cpu")
        .hasSizeLessThan(300);
  }

  @Test
  void jarsMergedWithoutTheirServiceFiles_endInTheFile() throws Exception {
    assertThat(run(classPath(""), "", "unmerged"))
        .isEqualTo(
            "META-INF/services/org.nd4j.linalg.factory.Nd4jBackend must name"
                + " org.nd4j.linalg.cpu.nativecpu.CpuBackend, which is on the class path: where"
                + " jars are merged, merge these files too (maven-shade-plugin:"
                + " ServicesResourceTransformer)");
  }

  @Test
  void serviceFileOfAClassThatIsNotThere_endsInTheFileAndTheClass() throws Exception {
    Path services = Files.createDirectories(folder.resolve("META-INF/services"));
    Files.writeString(services.resolve("org.nd4j.linalg.factory.Nd4jBackend"), "shrunk.Away\n");
    assertThat(run(classPath("") + File.pathSeparator + folder, "", "plain"))
        .startsWith("every class that META-INF/services/org.nd4j.linalg.factory.Nd4jBackend names")
        .contains("shrunk.Away")
        .hasSizeLessThan(300);
  }

  @Test
  void noFolderForNatives_endsInTheProperty() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    String properties =
        List.of("user.home", "java.io.tmpdir", "org.bytedeco.javacpp.cachedir").stream()
            .map(name -> "-D" + name + "=" + file.resolve("below"))
            .collect(Collectors.joining(" "));
    assertThat(run(classPath(""), properties, "plain"))
        .isEqualTo(
            "a folder for native libraries must be writable but none is: set the system property"
                + " org.bytedeco.javacpp.cachedir to one");
  }

  @Test
  void contextClassLoader_isNullOrForeign_andStaysSo() throws Exception {
    assertThat(run(classPath(""), "", "null")).isEqualTo("made");
    assertThat(run(classPath(""), "", "foreign")).isEqualTo("made");
  }

  @Test
  void serviceFileThatIsNotOnTheClassPathOfTheContext_isFoundBesideNd4j() throws Exception {
    assertThat(run(classPath(""), "", "isolated")).isEqualTo("made");
  }

  private static String classPath(String without) {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> !entry.matches(without))
        .collect(Collectors.joining(File.pathSeparator));
  }

  /** The last line of what the program writes. */
  private String run(String classPath, String properties, String mode)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1"));
    if (!properties.isEmpty()) {
      command.addAll(List.of(properties.split(" ")));
    }
    command.addAll(List.of("-cp", classPath, Program.class.getName(), mode));
    Path errors = folder.resolve("errors");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    assertThat(out).as(Files.readString(errors)).isNotBlank();
    return out.strip().lines().reduce((first, second) -> second).orElseThrow();
  }

  /** Makes noise twice, and writes {@code made} or why not. */
  public static final class Program {
    public static void main(String[] arguments) throws Exception {
      Thread thread = Thread.currentThread();
      ClassLoader own = Program.class.getClassLoader();
      ClassLoader context =
          switch (arguments[0]) {
            case "null" -> null;
            case "foreign", "isolated" -> ClassLoader.getPlatformClassLoader();
            case "unmerged" -> new Application(true);
            default -> own;
          };
      thread.setContextClassLoader(context);
      ClassLoader library =
          switch (arguments[0]) {
            case "unmerged" -> context;
            case "isolated" -> new Application(false);
            default -> own;
          };
      Runnable twice =
          (Runnable)
              library.loadClass(Twice.class.getName()).getDeclaredConstructor().newInstance();
      twice.run();
      System.out.println(thread.getContextClassLoader() == context ? "" : "context changed");
    }
  }

  /** Makes noise twice. */
  public static final class Twice implements Runnable {
    /** For the loader of another application. */
    public Twice() {}

    @Override
    public void run() {
      String first = once();
      System.out.print(first.equals(once()) ? first : "another error at the second use");
    }

    private static String once() {
      try {
        NoiseSource.perSample(1).start().batch(0, 3).next(3).close();
        return "made";
      } catch (IllegalStateException e) {
        return String.valueOf(e.getMessage());
      }
    }
  }

  /** All classes of the class path anew, as an application server loads an application. */
  private static final class Application extends URLClassLoader {

    private final boolean unmerged;

    Application(boolean unmerged) throws IOException {
      super(urls(), ClassLoader.getPlatformClassLoader());
      this.unmerged = unmerged;
    }

    private static URL[] urls() throws IOException {
      List<URL> urls = new ArrayList<>();
      for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
        urls.add(Path.of(entry).toUri().toURL());
      }
      return urls.toArray(URL[]::new);
    }

    @Override
    public Enumeration<URL> findResources(String name) throws IOException {
      return unmerged && name.endsWith("factory.Nd4jBackend")
          ? Collections.emptyEnumeration()
          : super.findResources(name);
    }
  }
}
