package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdxImagesTest {

  private static final int IMAGES = 0x0803;
  private static final int IMAGES_4D = 0x0804;
  private static final int LABELS = 0x0801;

  @TempDir private Path folder;

  @Test
  void read_plainFile_scalesBytes() throws IOException {
    Path file = write("images", idx(IMAGES, new int[] {2, 1, 3}, 0, 51, 255, 102, 153, 204));

    IdxImages images = IdxImages.read(file);

    assertThat(images.size()).isEqualTo(2);
    assertThat(images.sampleShape()).containsExactly(1, 1, 3);
    assertThat(images.classes()).isZero();
    assertThat(images.classNames()).isEmpty();
    assertThat(sample(images, 0)).containsExactly(-1, 51 / 127.5f - 1, 1);
    assertThat(sample(images, 1))
        .containsExactly(102 / 127.5f - 1, 153 / 127.5f - 1, 204 / 127.5f - 1);
    assertThat(images).hasToString("IdxImages[images, 2 x [1, 1, 3]]");
  }

  @Test
  void read_gzipUnderAnyName_isRecognised() throws IOException {
    Path file = write("images.bin", gzip(idx(IMAGES, new int[] {1, 1, 2}, 0, 255)));

    assertThat(sample(IdxImages.read(file), 0)).containsExactly(-1, 1);
  }

  @Test
  void read_fourDimensions_haveChannels() throws IOException {
    Path file = write("images", idx(IMAGES_4D, new int[] {1, 3, 1, 2}, 0, 0, 0, 0, 255, 255));

    IdxImages images = IdxImages.read(file);

    assertThat(images.sampleShape()).containsExactly(3, 1, 2);
    assertThat(sample(images, 0)).containsExactly(-1, -1, -1, -1, 1, 1);
  }

  @Test
  void read_withLabels_countsClassesByTheGreatest() throws IOException {
    IdxImages images = labelled(4, 0);

    assertThat(images.classes()).isEqualTo(5);
    assertThat(images.label(0)).isEqualTo(4);
    assertThat(images.label(1)).isZero();
    assertThat(images.classNames()).containsExactly("0", "1", "2", "3", "4");
    assertThat(images).hasToString("IdxImages[images, 2 x [1, 1, 1], 5 classes]");
  }

  @Test
  void withClassNames_moreThanLabels_countsTheNames() throws IOException {
    IdxImages images = labelled(1, 0).withClassNames("shirt", "bag", "boot");

    assertThat(images.classes()).isEqualTo(3);
    assertThat(images.classNames()).containsExactly("shirt", "bag", "boot");
    assertThat(labelled(1, 0).withClassNames(images.classNames()).classes()).isEqualTo(3);
    assertThatThrownBy(() -> labelled(1, 0).withClassNames("shirt"))
        .hasMessage("class names must be at least 2 because there is a label 1, but were 1");
  }

  @Test
  void label_unlabelled_throws() throws IOException {
    IdxImages images = IdxImages.read(write("images", idx(IMAGES, new int[] {1, 1, 1}, 0)));

    assertThatThrownBy(() -> images.label(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> images.withClassNames("a")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void read_indexOrLengthWrong_throws() throws IOException {
    IdxImages images = labelled(0, 1);

    assertThatThrownBy(() -> images.read(2, new float[1]))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> images.label(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> images.read(0, new float[2]))
        .hasMessage("array must have the 1 values of a sample but has 2");
  }

  @Test
  void read_missingFile_saysSo() {
    assertThatThrownBy(() -> IdxImages.read(folder.resolve("nowhere")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageEndingWith("nowhere: does not exist");
    assertThatThrownBy(() -> IdxImages.read(folder))
        .hasMessageEndingWith(": is not a regular file");
  }

  @Test
  void read_damagedFile_saysHow() {
    byte[] whole = idx(IMAGES, new int[] {2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8);
    byte[] packed = gzip(whole);
    refused(new byte[0], "is empty");
    refused(new byte[] {0}, "is truncated");
    refused(Arrays.copyOf(whole, 6), "is truncated");
    refused(Arrays.copyOf(whole, whole.length - 1), "is truncated, it must have 8 bytes");
    refused(Arrays.copyOf(whole, whole.length + 1), "has more than its 8 bytes");
    refused(gzip(Arrays.copyOf(whole, whole.length - 1)), "must have 8 bytes of data but has 7");
    refused(gzip(Arrays.copyOf(whole, whole.length + 1)), "has more than");
    refused(Arrays.copyOf(packed, packed.length - 12), "is truncated");
    packed[packed.length - 6] ^= 1;
    refused(packed, "is damaged");
  }

  @Test
  void read_manyEmptyMembers_isCutOff() throws IOException {
    byte[] empty = gzip(new byte[0]);
    ByteArrayOutputStream members = new ByteArrayOutputStream();
    for (int i = 0; i < 12_000; i++) {
      members.writeBytes(empty);
    }
    refused(members.toByteArray(), "is truncated");

    members.writeBytes(gzip(idx(IMAGES, new int[] {1, 1, 2}, 0, 255)));
    members.writeBytes(empty);
    assertThat(sample(IdxImages.read(write("late", members.toByteArray())), 0))
        .containsExactly(-1, 1);
  }

  @Test
  void read_gzipHeaderFields_arePassedOver() throws IOException {
    byte[] plain = gzip(idx(IMAGES, new int[] {1, 1, 2}, 0, 255));
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(Arrays.copyOf(plain, 10));
    all.writeBytes(new byte[] {2, 0, 9, 9, 'n', 0, 'c', 0, 7, 7});
    all.write(plain, 10, plain.length - 10);
    byte[] content = all.toByteArray();
    content[3] = 2 | 4 | 8 | 16;

    assertThat(sample(IdxImages.read(write("fields", content)), 0)).containsExactly(-1, 1);
    assertThat(sample(IdxImages.read(write("padded", Arrays.copyOf(plain, 999))), 0))
        .containsExactly(-1, 1);
    byte[] garbage = Arrays.copyOf(plain, plain.length + 3);
    garbage[plain.length + 1] = 'x';
    refused(garbage, "is damaged: the data after the compressed content are not gzip");
    for (int length = 0; length < content.length; length++) {
      refused(Arrays.copyOf(content, length), length == 0 ? "is empty" : "is ");
    }
  }

  @Test
  void read_noPlainFile_isRefusedBeforeOpening() {
    Path device = Path.of("/dev/zero");
    assumeThat(device).exists();
    assertThatThrownBy(() -> IdxImages.read(device)).hasMessage("/dev/zero: is not a regular file");
  }

  @Test
  void read_wrongMagic_saysWhatItIs() {
    refused(idx(LABELS, new int[] {1}, 1), "contains labels instead of images");
    refused(idx(0x0802, new int[] {1, 1}, 1), "images must have 3 or 4 dimensions but have 2");
    refused(
        idx(0x0D03, new int[] {1, 1, 1}, 0, 0, 0, 0),
        "unsigned bytes, type 0x08, but are of type 0x0d");
    refused("PK\3\4 something".getBytes(), "is not an IDX file, magic 0x504b0304");
  }

  @Test
  void read_absurdDimensions_refusedBeforeAllocating() {
    refused(idx(IMAGES, new int[] {0x7fffffff, 0x7fffffff, 1}), "less than 2^31 bytes");
    refused(idx(IMAGES, new int[] {-1, 28, 28}), "must be positive");
    refused(idx(IMAGES, new int[] {0, 28, 28}), "must be positive");
    refused(gzip(idx(IMAGES, new int[] {2_000_000, 32, 32})), "is truncated");
  }

  @Test
  void read_labelsDoNotFit_namesTheFile() throws IOException {
    Path images = write("images", idx(IMAGES, new int[] {2, 1, 1}, 0, 0));
    Path three = write("three", idx(LABELS, new int[] {3}, 0, 1, 2));

    assertThatThrownBy(() -> IdxImages.read(images, three))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("three: labels must be one per image, 2 of ")
        .hasMessageEndingWith("but are 3");
    assertThatThrownBy(() -> IdxImages.read(images, images))
        .hasMessageEndingWith("images: contains images instead of labels");
  }

  @Test
  void read_missingLabels_namesTheFile() throws IOException {
    Path images = write("images", idx(IMAGES, new int[] {1, 1, 1}, 0));

    assertThatThrownBy(() -> IdxImages.read(images, folder.resolve("labels")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessage(folder.resolve("labels") + ": does not exist");
  }

  @Test
  void description_tellsContentNotPlace() throws IOException {
    byte[] content = idx(IMAGES, new int[] {2, 1, 1}, 7, 8);
    String one = IdxImages.read(write("one", content)).description();
    String copy = IdxImages.read(write("copy", content)).description();
    String other =
        IdxImages.read(write("other", idx(IMAGES, new int[] {2, 1, 1}, 8, 7))).description();

    // CRC-32 of the bytes 7 and 8 by zlib.
    assertThat(one).isEqualTo("IdxImages[2 x [1, 1, 1], crc32 00430c0a]").isEqualTo(copy);
    assertThat(other).startsWith("IdxImages[2 x [1, 1, 1], crc32 ").isNotEqualTo(one);
    assertThat(labelled(0, 1).description())
        .contains("2 classes")
        .isNotEqualTo(labelled(1, 0).description());
  }

  private IdxImages labelled(int first, int second) throws IOException {
    return IdxImages.read(
        write("images", idx(IMAGES, new int[] {2, 1, 1}, 0, 0)),
        write("labels", idx(LABELS, new int[] {2}, first, second)));
  }

  private void refused(byte[] content, String message) {
    assertThatThrownBy(() -> IdxImages.read(write("bad", content)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder.resolve("bad").toString())
        .hasMessageContaining(message);
  }

  private Path write(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private static float[] sample(SampleSource source, int index) throws IOException {
    float[] sample = new float[Samples.length(source.sampleShape())];
    source.read(index, sample);
    return sample;
  }

  private static byte[] idx(int magic, int[] dimensions, int... data) {
    ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * dimensions.length + data.length).putInt(magic);
    Arrays.stream(dimensions).forEach(buffer::putInt);
    Arrays.stream(data).forEach(value -> buffer.put((byte) value));
    return buffer.array();
  }

  private static byte[] gzip(byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(content);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }
}
