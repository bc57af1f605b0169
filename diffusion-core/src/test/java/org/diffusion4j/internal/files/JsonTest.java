package org.diffusion4j.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.pretrained.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("config.json");
  }

  private Map<String, Object> read(String text) throws IOException {
    Files.writeString(file, text);
    return Json.read(file);
  }

  @ParameterizedTest
  @ValueSource(strings = {"unet-config.json", "dpm-solver-config.json", "ddpm-config.json"})
  void write_whatWasRead_isPythonsFileByteForByte(String name) throws IOException {
    byte[] original = Fixtures.resource(name);
    Files.write(file, original);
    Path copy = directory.resolve("copy.json");

    Json.write(copy, Json.read(file));

    assertThat(copy).hasBinaryContent(original);
  }

  @Test
  void read_eachKindOfValue() throws IOException {
    Map<String, Object> object =
        read(
            "{\"b\":[1,2.0,1e-6,-7,\"\\u00e9\",\"é\",true,false,null,[]],"
                + "\"a\":{\"n\":NaN,\"i\":Infinity,\"m\":-Infinity}}\n");

    assertThat(object.keySet()).containsExactly("b", "a");
    assertThat(object.get("b"))
        .isEqualTo(Arrays.asList(1L, 2.0, 1e-6, -7L, "é", "é", true, false, null, List.of()));
    assertThat(object.get("a"))
        .isEqualTo(
            Map.of("n", Double.NaN, "i", Double.POSITIVE_INFINITY, "m", Double.NEGATIVE_INFINITY));
  }

  @Test
  void format_isPythonsJsonDumps() throws IOException {
    var object = new LinkedHashMap<String, Object>();
    object.put("z", List.of(1, 2L, List.of()));
    object.put("Z", Map.of());
    object.put("\uD83D\uDE00", null);
    object.put("\uFF5E", Double.NEGATIVE_INFINITY);
    object.put("a", "é \"\\/\b\f\n\r\t\u001f\u007f\uD83D\uDE00");

    // print(json.dumps(..., indent=2, sort_keys=True))
    assertThat(Json.format(object))
        .isEqualTo(
            """
            {
              "Z": {},
              "a": "\\u00e9 \\"\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f\\ud83d\\ude00",
              "z": [
                1,
                2,
                []
              ],
              "\\uff5e": -Infinity,
              "\\ud83d\\ude00": null
            }
            """);
  }

  @Test
  void format_float_isRefused() {
    assertThatThrownBy(() -> Json.format(Map.of("a", 0.1f)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("java.lang.Float");
  }

  @Test
  void write_refused_leavesTheOldFile() throws IOException {
    Files.writeString(file, "old");

    assertThatThrownBy(() -> Json.write(file, Map.of("a", new Object())))
        .isInstanceOf(IllegalArgumentException.class);

    assertThat(file).hasContent("old");
    assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "``|must hold a JSON object but holds nothing",
        "[1]|must hold a JSON object",
        "null|must hold a JSON object",
        "{\"a\":1|line 1, column",
        "{\"a\":1,}|line 1, column",
        "{'a':1}|line 1, column",
        "{\"a\":1} x|line 1, column",
        "{\"a\":1} {}|nothing may follow the JSON object",
        "{\"a\":1,\"b\":2,\"a\":3}|names must be unique but \"a\" is there twice",
        "{\"b\":{\"a\":1,\"a\":1}}|names must be unique but \"a\" is there twice",
        "{\"a\":1e999}|numbers must fit into a double but there is 1e999",
        "{\"a\":-INF}|numbers must fit into a double but there is -INF",
        "{\"a\":+Infinity}|line 1, column",
        "{\"a\":+1}|line 1, column",
        "{\"a\":01}|line 1, column",
        "{\"a\":nan}|line 1, column",
        "{\"a\":/* */1}|line 1, column",
      })
  void read_damaged_isRefused(String text, String problem) {
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(file + ": line 1, column ")
        .hasMessageContaining(problem);
  }

  @Test
  void read_integerOfMoreThan64Bits_isADouble() throws IOException {
    assertThat(
            read(
                "{\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":1"
                    + "0".repeat(30)
                    + "}"))
        .isEqualTo(Map.of("a", Long.MAX_VALUE, "b", 0x1p63, "c", 1e30));
    assertThatThrownBy(() -> read("{\"a\":1" + "0".repeat(400) + "}"))
        .hasMessageContaining("numbers must fit into a double but there is 1000");
  }

  @Test
  void read_damagedOnLine3_namesTheLine() {
    assertThatThrownBy(() -> read("{\n  \"a\": 1,\n  \"b\": x\n}"))
        .hasMessageStartingWith(file + ": line 3, column 9: ");
  }

  @Test
  void read_notUtf8_isRefused() throws IOException {
    // An overlong slash, half of a surrogate pair, a continuation byte alone, UTF-16.
    for (String bytes : List.of("\u00c0\u00af", "\u00ed\u00a0\u0080", "\u0080")) {
      Files.write(file, ("{\"a\":\"" + bytes + "\"}").getBytes(StandardCharsets.ISO_8859_1));
      assertThatThrownBy(() -> Json.read(file))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageStartingWith(file + ": ")
          .hasMessageContaining("must be UTF-8");
    }
    Files.write(file, "{}".getBytes(StandardCharsets.UTF_16LE));
    assertThatThrownBy(() -> Json.read(file)).isInstanceOf(ModelFormatException.class);
  }

  @Test
  void read_tooDeep_isRefused() throws IOException {
    assertThat(read("{\"a\":" + "[".repeat(99) + "]".repeat(99) + "}")).hasSize(1);
    for (int depth : new int[] {100, 1_000_000}) {
      assertThatThrownBy(() -> read("{\"a\":" + "[".repeat(depth)))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining("100");
    }
  }

  @Test
  void read_tooManyValues_isRefused() {
    assertThatThrownBy(() -> read("{\"a\":[" + "0,".repeat(1_000_000) + "0]}"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("must hold at most 1000000 values");
  }

  @Test
  void read_longNumber_isRefused() {
    assertThatThrownBy(() -> read("{\"a\":" + "1".repeat(100_000) + "}"))
        .isInstanceOf(ModelFormatException.class);
  }

  @Test
  void read_over64Megabytes_isRefusedUnread() throws IOException {
    try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength((64L << 20) + 1);
    }
    assertThatThrownBy(() -> Json.read(file))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(file + ": length must be at most 67108864 bytes but was 67108865");
  }

  @Test
  void read_noFile_isRefused() {
    assertThatThrownBy(() -> Json.read(file))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(file + ": does not exist");
    assertThatThrownBy(() -> Json.read(directory))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(directory + ": must be a regular file");
  }
}
