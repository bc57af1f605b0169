package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program in the README compiles and runs as it stands there, with fewer steps. */
class ReadmeTest {

  private static final Path README = Path.of("..", "README.md");
  private static final Pattern COMMAND =
      Pattern.compile("\n## (Run|Test)\n.*?```sh\n(.*?)```", Pattern.DOTALL);

  @TempDir Path directory;

  @Test
  void program_trainsSavesLoadsAndSamples() throws Exception {
    String program = String.join("", Snippets.of(README));
    assertThat(program).contains("2_000", "\"ddim\", 50", "Path.of(\"");
    writePictures(directory.resolve("train-images-idx3-ubyte.gz"));
    String quick = program.replace("2_000", "2").replace("\"ddim\", 50", "\"ddim\", 2");
    try (Snippets compiled = Snippets.compile(List.of(quick), "", directory)) {
      compiled.run(0);
    }
    assertThat(directory.resolve("model/unet/config.json")).exists();
    assertThat(ImageIO.read(directory.resolve("samples.png").toFile()).getWidth())
        .isGreaterThan(4 * 2 * 28);
  }

  /** Four pictures of 28 x 28 pixels as IDX. */
  private static void writePictures(Path file) throws Exception {
    byte[] idx = new byte[16 + 4 * 28 * 28];
    idx[2] = 8;
    idx[3] = 3;
    idx[7] = 4;
    idx[11] = 28;
    idx[15] = 28;
    for (int i = 16; i < idx.length; i++) {
      idx[i] = (byte) i;
    }
    Files.write(file, idx);
  }

  @Test
  void commands_areOneLineEach() throws Exception {
    Matcher commands = COMMAND.matcher(Files.readString(README));
    int found = 0;
    while (commands.find()) {
      assertThat(commands.group(2).strip().lines()).hasSize(1);
      assertThat(commands.group(2)).startsWith("mvn ");
      found++;
    }
    assertThat(found).isEqualTo(2);
  }
}
