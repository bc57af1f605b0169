package org.diffusion4j.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.pretrained.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class SafetensorsTest {

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("model.safetensors");
  }

  @Test
  void read_fileOfThePythonLibrary_givesEachType() throws IOException {
    Files.write(file, Fixtures.resource(Fixtures.ALL_TYPES));
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.names())
          .containsExactly(
              "i64",
              "f64",
              "a.f32",
              "empty",
              "z.f32",
              "é\uD83D\uDE00.\uFF5E\"q\"",
              "\uFF5E",
              "\uD83D\uDE00",
              "i32",
              "bf16",
              "f16",
              "i16",
              "i8",
              "u8",
              "bool");
      assertThat(tensors.metadata()).containsExactly(Map.entry("format", "pt"));
      assertThat(tensors.dtype("bf16")).isEqualTo("BF16");
      assertThat(tensors.shape("z.f32")).containsExactly(2, 3);
      assertThat(tensors.shape("a.f32")).isEmpty();
      assertThat(tensors.shape("empty")).containsExactly(0, 3);

      assertThat(tensors.read("z.f32"))
          .isEqualTo(Nd4j.createFromArray(new float[][] {{0, 0.25f, 0.5f}, {0.75f, 1, 1.25f}}));
      assertThat(tensors.read("a.f32")).isEqualTo(Nd4j.scalar(-1.5f));
      assertThat(tensors.read("empty").shape()).containsExactly(0, 3);
      assertThat(tensors.read("f64")).isEqualTo(Nd4j.createFromArray(1e-300, 0.1));
      assertThat(tensors.read("i64").toLongVector())
          .containsExactly(Long.MIN_VALUE, Long.MAX_VALUE);
      assertThat(tensors.read("i32"))
          .isEqualTo(Nd4j.createFromArray(new int[][] {{Integer.MIN_VALUE}, {Integer.MAX_VALUE}}));
      assertThat(tensors.read("i16"))
          .isEqualTo(Nd4j.createFromArray((short) -32768, (short) 32767, (short) 1));
      assertThat(tensors.read("i8")).isEqualTo(Nd4j.createFromArray((byte) -128, (byte) 127));
      INDArray bytes = tensors.read("u8");
      assertThat(bytes.dataType()).isEqualTo(DataType.UINT8);
      assertThat(bytes.castTo(DataType.INT32).toIntVector()).containsExactly(0, 255, 128);
      assertThat(tensors.read("bool")).isEqualTo(Nd4j.createFromArray(true, false, true));
      assertThat(tensors.read("f16").toFloatVector())
          .containsExactly(1, -0.0f, 0x1p-24f, 65504, Float.POSITIVE_INFINITY);
      assertThat(tensors.read("bf16").toFloatVector())
          .containsExactly(1, -2.5f, Float.intBitsToFloat(0x7f620000));
    }
  }

  @Test
  void read_everyHalf_isTheFloatOfThoseBits() throws IOException {
    byte[] data = new byte[2 << 16];
    for (int bits = 0; bits < 1 << 16; bits++) {
      data[2 * bits] = (byte) bits;
      data[2 * bits + 1] = (byte) (bits >> 8);
    }
    for (String type : new String[] {"F16", "BF16"}) {
      Files.write(
          file,
          Fixtures.file(
              "{\"a\":{\"dtype\":\"" + type + "\",\"shape\":[65536],\"data_offsets\":[0,131072]}}",
              data));
      try (Safetensors tensors = Safetensors.open(file)) {
        float[] values = tensors.read("a").toFloatVector();
        for (int bits = 0; bits < 1 << 16; bits++) {
          Float expected = type.equals("F16") ? half(bits) : Float.intBitsToFloat(bits << 16);
          assertThat(values[bits]).as("%s %04x", type, bits).isEqualTo(expected);
        }
      }
    }
  }

  private static float half(int bits) {
    int exponent = bits >> 10 & 31;
    int fraction = bits & 1023;
    float magnitude =
        switch (exponent) {
          case 0 -> fraction * 0x1p-24f;
          case 31 -> fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
          default -> Math.scalb(1024 + fraction, exponent - 25);
        };
    return bits >> 15 == 0 ? magnitude : -magnitude;
  }

  @Test
  void write_isTheFileOfThePythonLibraryByteForByte() throws IOException {
    byte[] original = Fixtures.resource(Fixtures.ALL_TYPES);
    Files.write(file, original);
    var arrays = new LinkedHashMap<String, INDArray>();
    Path copy = directory.resolve("copy.safetensors");
    try (Safetensors tensors = Safetensors.open(file)) {
      for (String name : tensors.names()) {
        arrays.put(name, tensors.read(name));
      }
      arrays.compute("f16", (name, floats) -> floats.castTo(DataType.FLOAT16));
      arrays.compute("bf16", (name, floats) -> floats.castTo(DataType.BFLOAT16));

      Safetensors.write(copy, arrays, tensors.metadata());
    }
    assertThat(copy).hasBinaryContent(original);
  }

  @Test
  void write_noTensors_isAnEmptyObject() throws IOException {
    Safetensors.write(file, Map.of(), Map.of());

    assertThat(file).hasBinaryContent(Fixtures.file("{}      ", 0));
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.names()).isEmpty();
      assertThat(tensors.metadata()).isEmpty();
    }
  }

  @Test
  void write_viewsAndFortranOrder_areInCOrder() throws IOException {
    INDArray base = Nd4j.createFromArray(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).reshape(3, 4);
    INDArray last = base.get(NDArrayIndex.point(2), NDArrayIndex.all());
    INDArray inner = base.get(NDArrayIndex.interval(1, 3), NDArrayIndex.interval(1, 3));
    Safetensors.write(
        file,
        Map.of("f", base.dup('f'), "t", base.transpose(), "last", last, "inner", inner),
        Map.of());

    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.read("f").data().asFloat())
          .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
      assertThat(tensors.shape("t")).containsExactly(4, 3);
      assertThat(tensors.read("t").data().asFloat())
          .containsExactly(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
      assertThat(tensors.read("last").data().asFloat()).containsExactly(8, 9, 10, 11);
      assertThat(tensors.read("inner").data().asFloat()).containsExactly(5, 6, 9, 10);
    }
  }

  @Test
  void write_firstRowsOfAnArray_leavesTheRestOut() throws IOException {
    INDArray base = Nd4j.createFromArray(0f, 1, 2, 3, 4, 5).reshape(3, 2);
    Safetensors.write(
        file, Map.of("a", base.get(NDArrayIndex.interval(0, 2), NDArrayIndex.all())), Map.of());

    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.read("a").data().asFloat()).containsExactly(0, 1, 2, 3);
    }
  }

  @Test
  void write_moreThanOneChunk_comesBack() throws IOException {
    int n = 9_000_001;
    INDArray array = Nd4j.arange(n).castTo(DataType.FLOAT);
    Safetensors.write(file, Map.of("a", array), Map.of());
    try (Safetensors tensors = Safetensors.open(file)) {
      float[] values = tensors.read("a").data().asFloat();
      assertThat(values).hasSize(n);
      for (int i = 0; i < n; i++) {
        if (values[i] != i) {
          throw new AssertionError("element " + i + " was " + values[i]);
        }
      }
    }
  }

  @Test
  void write_sameTensorsInAnotherOrder_givesTheSameBytes() throws IOException {
    INDArray one = Nd4j.scalar(1f);
    INDArray two = Nd4j.scalar(2f);
    Path other = directory.resolve("other.safetensors");
    Safetensors.write(
        file, ordered("a", one, "b", two), ordered("format", "pt", "author", "somebody"));
    Safetensors.write(
        other, ordered("b", two, "a", one), ordered("author", "somebody", "format", "pt"));

    assertThat(file).hasSameBinaryContentAs(other);
  }

  private static <V> Map<String, V> ordered(String a, V one, String b, V two) {
    var map = new LinkedHashMap<String, V>();
    map.put(a, one);
    map.put(b, two);
    return map;
  }

  @Test
  void write_refused_leavesTheOldFile() throws IOException {
    Files.writeString(file, "old");
    INDArray array = Nd4j.scalar(1f);

    assertThatThrownBy(() -> Safetensors.write(file, Map.of("__metadata__", array), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("name of a tensor must not be __metadata__");
    assertThatThrownBy(
            () -> Safetensors.write(file, Map.of("a", array.castTo(DataType.UINT64)), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("but was UINT64");
    assertThatThrownBy(() -> Safetensors.write(file, Map.of("\uD800", array), Map.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Safetensors.write(file, Map.of(), Map.of("a", "\uDC00")))
        .isInstanceOf(IllegalArgumentException.class);

    assertThat(file).hasContent("old");
    assertThat(directory.toFile().list()).containsExactly("model.safetensors");
  }

  @Test
  void read_unknownName_isRefused() throws IOException {
    Safetensors.write(file, Map.of("a", Nd4j.scalar(1f)), Map.of());
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThatThrownBy(() -> tensors.read("b"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(file + ": there is no tensor \"b\"");
    }
  }

  @Test
  void read_fileThatBecameShorter_isRefused() throws IOException {
    Safetensors.write(file, Map.of("a", Nd4j.ones(DataType.FLOAT, 1000)), Map.of());
    try (Safetensors tensors = Safetensors.open(file)) {
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length - 100));
      assertThatThrownBy(() -> tensors.read("a"))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageStartingWith(file + ": ends at byte " + (bytes.length - 100));
    }
  }

  @Test
  void read_booleanThatIsNeither_isRefused() throws IOException {
    Files.write(
        file,
        Fixtures.file(
            "{\"a\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]}}",
            new byte[] {1, 7}));
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThatThrownBy(() -> tensors.read("a"))
          .isInstanceOf(ModelFormatException.class)
          .hasMessage(file + ": tensor \"a\": BOOL must be 0 or 1 but there is a 7");
    }
  }

  @Test
  void open_headerWithAnotherOrderAndSpaces_isRead() throws IOException {
    String header =
        " {\"b\": {\"shape\": [1], \"data_offsets\": [1, 2], \"dtype\": \"U8\"},\n"
            + " \"a\": {\"data_offsets\": [0, 1], \"dtype\": \"I8\", \"shape\": [1, 1]}}  ";
    Files.write(file, Fixtures.file(header.strip().getBytes(StandardCharsets.UTF_8), new byte[2]));
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.names()).containsExactly("b", "a");
      assertThat(tensors.shape("a")).containsExactly(1, 1);
    }
  }

  @Test
  void open_nullMetadata_isNone() throws IOException {
    Path file = directory.resolve("null.safetensors");
    Files.write(
        file,
        Fixtures.file(
            "{\"__metadata__\":null,\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            4));
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.metadata()).isEmpty();
      assertThat(tensors.shape("a")).containsExactly(1);
    }
  }

  @Test
  void write_emptyWithoutDimensions_isReadAgain() throws IOException {
    Path file = directory.resolve("empty.safetensors");
    Safetensors.write(file, Map.of("a", Nd4j.empty(DataType.FLOAT)), Map.of());
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThat(tensors.read("a").shape()).containsExactly(0);
    }
  }
}
