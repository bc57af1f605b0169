package org.diffusion4j.internal.files;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.pretrained.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsLimitsTest {

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("model.safetensors");
  }

  private void assertRefused(byte[] bytes, String problem) throws IOException {
    Files.write(file, bytes);
    assertRefused(problem);
  }

  private void assertRefused(String problem) {
    assertThatThrownBy(() -> Safetensors.open(file).close())
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(problem);
  }

  private static String tensor(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  @Test
  void open_noFile_isRefused() {
    assertRefused("does not exist");
    assertThatThrownBy(() -> Safetensors.open(directory))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage(directory + ": must be a regular file");
  }

  @Test
  void open_shorterThan8Bytes_isRefused() throws IOException {
    for (int length = 0; length < 8; length++) {
      assertRefused(new byte[length], "length must be at least 8 bytes but was " + length);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 'must be in [2, 100000000] but was 0'",
    "1, 'must be in [2, 100000000] but was 1'",
    "-1, must be in [2, 100000000] but was 18446744073709551615",
    "9223372036854775807, 'must be in [2, 100000000] but was 9223372036854775807'",
    "100000001, 'must be in [2, 100000000] but was 100000001'",
    "100000000, must be at most the 2 bytes that follow it but was 100000000",
    "3, must be at most the 2 bytes that follow it but was 3"
  })
  void open_headerLengthOutOfRange_isRefused(long length, String problem) throws IOException {
    byte[] bytes =
        ByteBuffer.allocate(10)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(length)
            .put((byte) '{')
            .put((byte) '}')
            .array();
    assertRefused(bytes, "header length " + problem);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]|header must start with '{' but starts with byte 91",
        "` {}`|header must start with '{' but starts with byte 32",
        "{]|header, line 1, column",
        "{}x|header, line 1, column",
        "{}{}|header, line 1, column 3: nothing may follow the JSON object",
        "{\"a\":1}|tensor \"a\": must be an object but was 1",
        "{\"a\":null}|tensor \"a\": must be an object but was null",
        "{\"a\":{}}|tensor \"a\": dtype must be one of",
        "{\"a\":{},\"a\":{}}|names must be unique but \"a\" is there twice",
        "{\"__metadata__\":[]}|__metadata__ must be an object of strings but was []",
        "{\"__metadata__\":{\"k\":1}}|__metadata__ must hold strings but \"k\" was 1",
        "{\"__metadata__\":{\"k\":null}}|__metadata__ must hold strings but \"k\" was null",
      })
  void open_badHeader_isRefused(String header, String problem) throws IOException {
    assertRefused(Fixtures.file(header, 0), problem);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"F8_E4M3\"|[4]|[0,4]|dtype must be one of [BOOL, U8, I8, I16, F16, BF16, I32, F32, F64,"
            + " I64] but was F8_E4M3",
        "\"f32\"|[1]|[0,4]|I64] but was f32",
        "7|[1]|[0,4]|I64] but was 7",
        "\"F32\"|null|[0,4]|shape must be a list of integers but was null",
        "\"F32\"|{}|[0,4]|shape must be a list of integers but was {}",
        "\"F32\"|[1.0]|[0,4]|shape must be of integers of at least 0 but was [1.0]",
        "\"F32\"|[-1]|[0,4]|shape must be of integers of at least 0 but was [-1]",
        "\"F32\"|[-1,-1]|[0,4]|shape must be of integers of at least 0 but was [-1, -1]",
        "\"F32\"|[\"1\"]|[0,4]|shape must be of integers of at least 0 but was [1]",
        "\"U8\"|[9223372036854775807,2]|[0,4]|shape must have less than 2^63 bytes",
        "\"U8\"|[4294967296,4294967296]|[0,4]|shape must have less than 2^63 bytes",
        "\"F32\"|[4611686018427387904]|[0,4]|shape must have less than 2^63 bytes",
        "\"F32\"|[9223372036854775807,9,0]|[0,0]|shape must have less than 2^63 bytes",
        "\"F32\"|[9223372036854775808]|[0,4]|shape must be of integers of at least 0",
        "\"F32\"|[1]|null|data_offsets must be two integers but was null",
        "\"F32\"|[1]|[0]|data_offsets must be two integers but was [0]",
        "\"F32\"|[1]|[0,4,8]|data_offsets must be two integers but was [0, 4, 8]",
        "\"F32\"|[1]|[0,4.0]|data_offsets must be two integers but was [0, 4.0]",
        "\"F32\"|[1]|[0,\"4\"]|data_offsets must be two integers but was [0, 4]",
        "\"F32\"|[1]|[4,0]|data_offsets must be increasing and in [0, 4] but was [4, 0]",
        "\"F32\"|[1]|[-4,0]|data_offsets must be increasing and in [0, 4] but was [-4, 0]",
        "\"F32\"|[2]|[0,8]|data_offsets must be increasing and in [0, 4] but was [0, 8]",
        "\"F32\"|[2]|[-9223372036854775808,9223372036854775807]|data_offsets must be increasing",
        "\"F32\"|[2]|[0,4]|F32 [2] must have 8 bytes but data_offsets give 4",
        "\"F64\"|[]|[0,4]|F64 [] must have 8 bytes but data_offsets give 4",
        "\"F32\"|[0,5]|[0,4]|F32 [0, 5] must have 0 bytes but data_offsets give 4",
      })
  void open_badTensor_isRefused(String dtype, String shape, String offsets, String problem)
      throws IOException {
    String header = "{" + tensor("name", dtype, shape, offsets) + "}";
    assertRefused(Fixtures.file(header, 4), problem);
    if (!problem.startsWith("integers")) {
      assertRefused("tensor \"name\": ");
    }
  }

  @Test
  void open_moreThan32Dimensions_isRefused() throws IOException {
    String shape = "[1" + ",1".repeat(32) + "]";
    assertRefused(
        Fixtures.file("{" + tensor("a", "\"F32\"", shape, "[0,4]") + "}", 4),
        "tensor \"a\": shape must have at most 32 dimensions but has 33");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[0,4]|[2,6]|6|tensor \"b\": data must begin where that of the tensor before ends, at 4",
        "[0,4]|[0,4]|4|at 4, without gap or overlap, but begins at 0",
        "[0,4]|[5,9]|9|at 4, without gap or overlap, but begins at 5",
        "[1,5]|[5,9]|9|tensor \"a\": data must begin where that of the tensor before ends, at 0",
        "[4,8]|[0,4]|9|tensors must fill the 9 bytes of data but end at 8",
      })
  void open_overlapOrGap_isRefused(String a, String b, int dataLength, String problem)
      throws IOException {
    String header =
        "{" + tensor("a", "\"F32\"", "[1]", a) + "," + tensor("b", "\"I32\"", "[1]", b) + "}";
    assertRefused(Fixtures.file(header, dataLength), problem);
  }

  @Test
  void open_dataWithoutTensors_isRefused() throws IOException {
    assertRefused(Fixtures.file("{}", 3), "tensors must fill the 3 bytes of data but end at 0");
  }

  @Test
  void open_emptyTensorWithinAnother_isRefused() throws IOException {
    String header =
        "{"
            + tensor("a", "\"F32\"", "[2]", "[0,8]")
            + ","
            + tensor("b", "\"F32\"", "[0]", "[4,4]")
            + "}";
    assertRefused(Fixtures.file(header, 8), "tensor \"b\": data must begin");
  }

  @Test
  void open_notUtf8_isRefused() throws IOException {
    byte[] header = "{\"\u00c0\u00af\":{}}".getBytes(StandardCharsets.ISO_8859_1);
    assertRefused(Fixtures.file(header, new byte[0]), "must be UTF-8");
  }

  @Test
  void open_tooDeep_isRefused() throws IOException {
    assertRefused(Fixtures.file("{\"a\":" + "[".repeat(1_000_000), 0), "header, ");
  }

  @Test
  void open_tooManyTensors_isRefused() throws IOException {
    var header = new StringBuilder("{");
    for (int i = 0; i < 200_000; i++) {
      header.append(tensor("t" + i, "\"U8\"", "[0]", "[0,0]")).append(',');
    }
    assertRefused(Fixtures.file(header.toString(), 0), "must hold at most 1000000 values");
  }

  @Test
  void open_longName_isShortenedInTheMessage() throws IOException {
    Files.write(file, Fixtures.file("{\"" + "n".repeat(40_000) + "\":1}", 0));
    assertThatThrownBy(() -> Safetensors.open(file))
        .isInstanceOf(ModelFormatException.class)
        .extracting(e -> e.getMessage().length() - file.toString().length())
        .matches(length -> (int) length < 200, "short");
  }

  @Test
  void open_hugeSparseFileOfZeros_isRefusedUnread() throws IOException {
    try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(100_000_000).array());
      sparse.setLength(200_000_000);
    }
    assertRefused("header must start with '{'");
  }

  @Test
  void read_tensorLargerThanTheMemory_isRefused() throws IOException {
    String header = "{" + tensor("a", "\"F32\"", "[274877906944]", "[0,1099511627776]") + "}";
    try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.write(Fixtures.file(header, 0));
      sparse.setLength(sparse.length() + (1L << 40));
    }
    try (Safetensors tensors = Safetensors.open(file)) {
      assertThatThrownBy(() -> tensors.read("a"))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageStartingWith(file + ": tensor \"a\": must have at most ")
          .hasMessageEndingWith(" but has 1099511627776");
    }
  }
}
