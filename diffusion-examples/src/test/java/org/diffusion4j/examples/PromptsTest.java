package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptsTest {

  @TempDir Path directory;

  @Test
  void file_hasALineForEach() throws IOException {
    Path file = directory.resolve("prompts.txt");
    Files.writeString(file, "a green apple\r\n\n  piñata \n");
    assertThat(Prompts.read(file)).containsExactly("a green apple", "piñata");
  }

  @Test
  void badFiles_areNamed() throws IOException {
    Path file = directory.resolve("prompts.txt");
    Files.writeString(file, "\n \n");
    assertThatThrownBy(() -> Prompts.read(file))
        .hasMessage(file + ": must have at least one line with a text");
    Files.write(file, new byte[] {(byte) 0xC3, '('});
    assertThatThrownBy(() -> Prompts.read(file)).hasMessage(file + ": must be UTF-8 but is not");
  }

  @Test
  void names_areSafeAndBounded() {
    assertThat(Prompts.fileName(1, "A green apple!")).isEqualTo("0001-a-green-apple.png");
    assertThat(Prompts.fileName(12, "../../etc/passwd")).isEqualTo("0012-etc-passwd.png");
    assertThat(Prompts.fileName(3, "苹果")).isEqualTo("0003.png");
    assertThat(Prompts.fileName(4, "x".repeat(1000))).hasSize(5 + 60 + 4);
  }

  @Test
  void variants_areDrawnAsOftenAsOtherSubjects() {
    List<String> texts = List.of("bulb", "leg, light", "leg, dark", "arm, light", "arm, medium");
    assertThat(Variants.balanced(texts, Pattern.compile(", \\w+$")))
        .containsExactly(0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4);
  }
}
