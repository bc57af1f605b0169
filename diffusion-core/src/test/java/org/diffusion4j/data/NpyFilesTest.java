package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class NpyFilesTest {

  @TempDir private Path folder;

  @Test
  void write_floats_isByteForByteNumpys() throws IOException {
    Path file = folder.resolve("a.npy");
    NpyFiles.write(file, Nd4j.create(new float[] {1, -2.5f}, new long[] {2, 1}, 'c'));

    // np.save('a.npy', np.array([[1], [-2.5]], dtype='f4'))
    String text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
    assertThat(Files.readAllBytes(file))
        .isEqualTo(npy(padded(text), 0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x20, 0xc0));
    assertThat(Files.size(file)).isEqualTo(128 + 8);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT", "DOUBLE", "INT", "LONG", "UBYTE"})
  void read_written_isEqual(DataType type) throws IOException {
    INDArray array =
        Nd4j.create(new double[] {0, 1, 2, 3, 127, 200}, new long[] {3, 2}, 'c').castTo(type);
    Path file = folder.resolve("a.npy");

    for (INDArray written :
        new INDArray[] {
          array,
          array.dup('f'),
          array.transpose(),
          array.get(NDArrayIndex.interval(1, 3), NDArrayIndex.point(1)),
          array.getScalar(2, 1)
        }) {
      NpyFiles.write(file, written);
      INDArray read = NpyFiles.read(file);

      assertThat(read.dataType()).isEqualTo(type);
      assertThat(read.shape()).isEqualTo(written.shape());
      assertThat(Samples.doubles(read)).isEqualTo(Samples.doubles(written));
      assertThat(read).isEqualTo(written);
    }
  }

  @Test
  void read_extremes_survive() throws IOException {
    Path file = folder.resolve("a.npy");

    NpyFiles.write(
        file,
        Nd4j.create(new long[] {Long.MIN_VALUE, Long.MAX_VALUE}, new long[] {2}, DataType.INT64));
    assertThat(NpyFiles.read(file).toLongVector()).containsExactly(Long.MIN_VALUE, Long.MAX_VALUE);
    NpyFiles.write(
        file, Nd4j.create(new int[] {Integer.MIN_VALUE, 7}, new long[] {2}, DataType.INT32));
    assertThat(NpyFiles.read(file).toIntVector()).containsExactly(Integer.MIN_VALUE, 7);
    NpyFiles.write(file, Nd4j.create(new double[] {Double.NaN, Math.PI}, new long[] {2}, 'c'));
    assertThat(NpyFiles.read(file).toDoubleVector()).containsExactly(Double.NaN, Math.PI);
  }

  @Test
  void read_manyChunks_survive() throws IOException {
    Path file = folder.resolve("a.npy");
    INDArray array = Nd4j.linspace(0, 1, 50_000, DataType.FLOAT).reshape(50, 1000);

    NpyFiles.write(file, array);

    assertThat(NpyFiles.read(file)).isEqualTo(array);
  }

  @Test
  void read_emptyArray_keepsItsShape() throws IOException {
    Path file = folder.resolve("a.npy");
    NpyFiles.write(file, Nd4j.create(DataType.FLOAT, 0, 3));

    assertThat(NpyFiles.read(file).shape()).containsExactly(0, 3);
  }

  @Test
  void write_emptyWithoutDimensions_isReadAgain() throws IOException {
    Path file = folder.resolve("a.npy");
    NpyFiles.write(file, Nd4j.empty(DataType.FLOAT));

    assertThat(NpyFiles.read(file).shape()).containsExactly(0);
  }

  @Test
  void read_hostileHeaders_areRefusedInFewWords() {
    String good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    refused(npy(good.replace("(2,)", "(" + "1,".repeat(33) + ")")), "at most 32 dimensions");
    refused(npy(good.replace("(2,)", "(0, 9999999999, 9999999999)")), "less than 2^31 elements");
    refused(npy(good.replace("<f4", "x\n\0".repeat(9000))), "but is x\\n\\u0000x");
    refused(npy("{'shape': " + "y\n".repeat(9000)), "... (");
  }

  @Test
  void write_otherType_isRefused() {
    assertThatThrownBy(() -> NpyFiles.write(folder.resolve("a.npy"), Nd4j.create(DataType.BOOL, 2)))
        .hasMessage("array type must be FLOAT, DOUBLE, INT, LONG or UBYTE but was BOOL");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void read_badFile_saysHow() {
    String good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    byte[] whole = npy(padded(good), 0, 0, 0, 0, 0, 0, 0, 0);
    refused(new byte[0], "is empty");
    refused("not an array".getBytes(StandardCharsets.US_ASCII), "is not a .npy file");
    refused(Arrays.copyOf(whole, 7), "is not a .npy file");
    refused(Arrays.copyOf(whole, 9), "is truncated");
    refused(Arrays.copyOf(whole, 60), "is truncated");
    refused(
        Arrays.copyOf(whole, whole.length - 1), "is truncated, [2] needs 8 bytes but there are 7");
    refused(Arrays.copyOf(whole, whole.length + 1), "has bytes after its data, [2] needs 8 bytes");
    byte[] version = whole.clone();
    version[6] = 9;
    refused(version, "version must be 1, 2 or 3 but is 9");
    refused(npy(good.replace("<f4", ">f4")), "type must be <f4, <f8, <i4, <i8 or |u1 but is >f4");
    refused(npy(good.replace("<f4", "|O")), "but is |O");
    refused(npy(good.replace("False", "True")), "must be in C order");
    refused(npy(good.replace("(2,)", "(-2,)")), "no readable 'shape'");
    refused(npy(good.replace("(2,)", "(99999999999, 99999999999)")), "less than 2^31 elements");
    refused(npy(good.replace("(2,)", "(99999999999999999999,)")), "shape cannot be read");
    refused(npy(good.replace("(2,)", "(2000000000,)")), "less than 2 GiB");
    refused(npy("{}"), "no readable 'descr'");
  }

  @Test
  void read_missing_saysSo() {
    assertThatThrownBy(() -> NpyFiles.read(folder.resolve("nowhere.npy")))
        .isInstanceOf(IOException.class)
        .hasMessageEndingWith("nowhere.npy: does not exist");
  }

  private void refused(byte[] content, String message) {
    Path file = folder.resolve("bad.npy");
    assertThatThrownBy(() -> NpyFiles.read(Files.write(file, content)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message);
  }

  private static String padded(String header) {
    return header + " ".repeat(128 - 10 - 1 - header.length()) + "\n";
  }

  private static byte[] npy(String header, int... data) {
    ByteBuffer file =
        ByteBuffer.allocate(10 + header.length() + data.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    file.put((byte) 1).put((byte) 0).putShort((short) header.length());
    file.put(header.getBytes(StandardCharsets.US_ASCII));
    Arrays.stream(data).forEach(value -> file.put((byte) value));
    return file.array();
  }
}
