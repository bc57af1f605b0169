package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class MisuseTest {

  private static final int MISUSED = 2;
  private static final int FAILED = 1;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "digits --steps 0 | must be at least 1 but was 0",
        "digits --steps x | must be a whole number but was x",
        "digits --batch -1 | must be at least 1 but was -1",
        "mixture --count 0 | must be at least 1 but was 0",
        "generate --count 0 | '--count': must be at least 1 but was 0",
        "generate --sampler magic | must be one of ddpm, ddpm-posterior, ddim, euler",
        "generate --sampler ddpm --eta 1 | --eta is for ddim but the sampler is ddpm",
        "generate --eta 2 | --eta must be in [0, 1] but was 2.0",
        "export --out x.pb | --out must end in .onnx: x.pb",
        "generate --out x.jpg | --out must end in .png or .npy",
        "compare --steps 5,0 | must be at least 1 but was 0",
        "compare --samplers ddim,magic | must be one of ddpm, ddpm-posterior, ddim, euler",
        "compare --out x.npy | --out must end in .png: x.npy",
        "compare --guidances 1,3 --guidance 2 | --guidances cannot be given with --samplers",
        "compare --guidances 1,x | 'x' is not a double",
        "images | Missing required option: '--data",
        "tune --data nowhere --stages 0.5 --teacher-steps 8 | must not be given with --stages",
        "tune --data nowhere --stages 0.5,1 | --stages must be in [0, 1) but were [0.5, 1.0]",
        "images --data nowhere --gray | --gray and --class-folders are for folders",
        "text | either --prompt or --prompts must be given, but neither was",
        "text --prompt x --prompts y | either --prompt or --prompts must be given, but both were",
        "text --prompt x --out x.jpg | --out must end in .png: x.jpg",
        "text --prompt x --guidance -1 | --guidance must be in [0, 1000.0] but was -1.0",
        "text --prompt x --count 0 | '--count': must be at least 1 but was 0",
        "train-text | Missing required option: '--data",
        "serve --port 65536 | --port must be in [0, 65535] but was 65536",
        "serve --queue 0 | '--queue': must be at least 1 but was 0",
        "serve --model nowhere | nowhere",
        "load --callers 0 | '--callers': must be at least 1 but was 0",
        "paint | paint",
        "'' | Missing required subcommand",
      })
  void badArguments_exitWithOneLine(String arguments, String message) {
    Object[] parts = arguments.isEmpty() ? new Object[0] : arguments.split(" ");
    assertFails(Runs.of(parts), MISUSED, message);
  }

  @Test
  void images_unknownPath_isNamed() {
    Path data = directory.resolve("nowhere");
    assertFails(Runs.of("images", "--data", data), FAILED, data + ": does not exist");
  }

  @Test
  void images_emptyFolder_isNamed() {
    assertFails(
        Runs.of("images", "--data", directory),
        FAILED,
        directory + ": has no image of a supported format");
  }

  @Test
  void generate_missingModel_isNamed() {
    Path model = directory.resolve("model");
    assertFails(Runs.of("generate", "--model", model), FAILED, model.toString());
  }

  @Test
  void serve_missingModel_isNamed() {
    Path model = directory.resolve("model");
    assertFails(Runs.of("serve", "--port=0", "--model=a=" + model), FAILED, model.toString());
  }

  @Test
  void serve_portThatIsTaken_isNamed() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = Integer.toString(taken.getLocalPort());
      assertFails(Runs.of("serve", "--port", port), FAILED, "port must be free but " + port);
    }
  }

  @Test
  void load_withoutAService_namesItsAddress() throws IOException {
    String url;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      url = "http://127.0.0.1:" + free.getLocalPort() + "/";
    }
    assertFails(Runs.of("load", "--url", url), FAILED, url + ": does not answer");
  }

  @Test
  void generate_damagedModel_namesTheFile() throws IOException {
    Path model = directory.resolve("model");
    Runs trained =
        Runs.of("digits", "--steps=1", "--batch=2", "--sampling-steps=1", "--out", directory);
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    Path weights = model.resolve("unet/diffusion_pytorch_model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    assertFails(Runs.of("generate", "--model", model), FAILED, weights.toString());

    Path config = model.resolve("unet/config.json");
    Files.writeString(config, "{");
    assertFails(Runs.of("generate", "--model", model), FAILED, config.toString());
  }

  @Test
  void verbose_printsTheStackTrace() {
    Runs run = Runs.of("images", "--verbose", "--data", directory.resolve("nowhere"));
    assertThat(run.exitCode()).isEqualTo(FAILED);
    assertThat(run.err()).startsWith("error: ").contains("\tat org.diffusion4j.examples.");
  }

  @Test
  void help_tellsTheDefaults() {
    Runs run = Runs.of("mixture", "--help");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("--steps", "out/mixture").doesNotContain("DEFAULT-VALUE");
  }

  @Test
  void message_ofWrappedErrors_isThatOfTheCause() {
    Throwable cause = new IllegalStateException("what\n  happened");
    assertThat(Failures.message(new ExceptionInInitializerError(new RuntimeException(cause))))
        .isEqualTo("what happened");
    assertThat(
            Failures.message(
                new CommandLine.ExecutionException(
                    new CommandLine(Examples.commandLine().getCommandSpec()), "outer", cause)))
        .isEqualTo("what happened");
    assertThat(Failures.message(new RuntimeException("outer", cause))).isEqualTo("outer");
  }

  @Test
  void message_withoutText_namesTheError() {
    assertThat(Failures.message(new NullPointerException()))
        .isEqualTo("java.lang.NullPointerException");
    assertThat(Failures.message(new NoClassDefFoundError("a/B")))
        .isEqualTo("java.lang.NoClassDefFoundError: a/B");
    assertThat(Failures.message(new AccessDeniedException("file")))
        .isEqualTo("file: AccessDeniedException");
    assertThat(Failures.message(new FileNotFoundException("file: gone"))).isEqualTo("file: gone");
  }

  @Test
  void message_ofNoBackend_saysWhatIsMissing() {
    Throwable none = new org.nd4j.linalg.factory.Nd4jBackend.NoAvailableBackendException("none");
    Throwable start = new ExceptionInInitializerError(new RuntimeException(none));
    assertThat(Failures.message(new IllegalStateException("a backend must be there", start)))
        .isEqualTo("a backend must be there");
  }

  private static void assertFails(Runs run, int exitCode, String message) {
    assertThat(run.err()).contains(message);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("error: ");
    assertThat(run.exitCode()).isEqualTo(exitCode);
  }
}
