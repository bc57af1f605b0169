package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.diffusion4j.data.ImageFolder.Option;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFolderTest {

  @TempDir private Path folder;

  @Test
  void open_nestedFolders_sortsByPath() throws IOException {
    write("b/z.png", gray(1, 1, 255));
    write("b/a/y.PNG", gray(1, 1, 255));
    write("a.png", gray(1, 1, 0));
    write("notes.txt", new byte[] {1});
    write("b/._z.png", new byte[] {1});

    ImageFolder images = ImageFolder.open(folder, 1, 1);

    assertThat(images.size()).isEqualTo(3);
    assertThat(images.file(0)).isEqualTo(folder.resolve("a.png"));
    assertThat(images.file(1)).isEqualTo(folder.resolve("b/a/y.PNG"));
    assertThat(images.file(2)).isEqualTo(folder.resolve("b/z.png"));
    assertThat(images.sampleShape()).containsExactly(3, 1, 1);
    assertThat(images.classes()).isZero();
    assertThat(images).hasToString("ImageFolder[" + folder + ", 3 x [3, 1, 1]]");
  }

  @Test
  void open_classFolders_labelsByTheFirst() throws IOException {
    write("mon/x/1.png", gray(1, 1, 0));
    write("item/2.png", gray(1, 1, 0));

    ImageFolder images = ImageFolder.open(folder, 1, 1, Option.CLASS_FOLDERS);

    assertThat(images.classNames()).containsExactly("item", "mon");
    assertThat(images.label(0)).isZero();
    assertThat(images.label(1)).isEqualTo(1);
    write("stray.png", gray(1, 1, 0));
    assertThatThrownBy(() -> ImageFolder.open(folder, 1, 1, Option.CLASS_FOLDERS))
        .isInstanceOf(IOException.class)
        .hasMessage(folder.resolve("stray.png") + ": is not in a class folder");
  }

  @Test
  void open_noImages_saysSo() throws IOException {
    assertThatThrownBy(() -> ImageFolder.open(folder, 8, 8))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + ": has no image of a supported format");
    assertThatThrownBy(() -> ImageFolder.open(folder.resolve("nowhere"), 8, 8))
        .hasMessageEndingWith("nowhere: does not exist");
    write("file", new byte[1]);
    assertThatThrownBy(() -> ImageFolder.open(folder.resolve("file"), 8, 8))
        .hasMessageEndingWith("file: is not a folder");
    assertThatThrownBy(() -> ImageFolder.open(folder, 0, 8))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void read_gray_isNotBrightened() throws IOException {
    byte[] png = gray(3, 1, 0, 128, 255);

    assertThat(decode(png, 1, 3, Option.GRAYSCALE))
        .containsExactly(bytes(0, 128, 255), within(1e-6f));
    assertThat(decode(png, 1, 3))
        .containsExactly(bytes(0, 128, 255, 0, 128, 255, 0, 128, 255), within(1e-6f));
  }

  @Test
  void read_rgb_keepsChannels() throws IOException {
    byte[] png = new PngBytes(2, 1, 8, PngBytes.RGB).pixels(1, 2, 3, 100, 50, 200);

    assertThat(decode(png, 1, 2)).containsExactly(bytes(1, 100, 2, 50, 3, 200), within(1e-6f));
    float luma = 0.299f * 100 + 0.587f * 50 + 0.114f * 200;
    assertThat(decode(png, 1, 2, Option.GRAYSCALE)[1]).isCloseTo(luma / 127.5f - 1, within(1e-6f));
  }

  @Test
  void read_transparency_isComposedOnTheGround() throws IOException {
    float[] onWhite = bytes(200 * 51 / 255f + 204, 100);
    float[] onBlack = bytes(200 * 51 / 255f, 100);
    byte[] rgba =
        new PngBytes(2, 1, 8, PngBytes.RGBA).pixels(200, 200, 200, 51, 100, 100, 100, 255);
    byte[] grayAlpha = new PngBytes(2, 1, 8, PngBytes.GRAY_ALPHA).pixels(200, 51, 100, 255);
    byte[] palette =
        new PngBytes(2, 1, 8, PngBytes.PALETTE)
            .chunk("PLTE", 200, 200, 200, 100, 100, 100)
            .chunk("tRNS", 51)
            .pixels(0, 1);
    byte[] packedPalette =
        new PngBytes(2, 1, 4, PngBytes.PALETTE)
            .chunk("PLTE", 200, 200, 200, 100, 100, 100)
            .chunk("tRNS", 51)
            .pixels(0x01);

    for (byte[] png : new byte[][] {rgba, grayAlpha, palette, packedPalette}) {
      assertThat(decode(png, 1, 2, Option.GRAYSCALE)).containsExactly(onWhite, within(1e-5f));
      ImageFolder images = ImageFolder.open(folder, 1, 2, Option.GRAYSCALE);
      assertThat(sample(images.withGround(0, 0, 0), 0)).containsExactly(onBlack, within(1e-5f));
      float green = sample(images.withGround(0, 255, 0), 0)[0];
      assertThat(green).isCloseTo(bytes(40 + 204 * 0.587f)[0], within(1e-5f));
    }
  }

  @Test
  void read_transparentColour_isTheGround() throws IOException {
    byte[] rgb =
        new PngBytes(2, 1, 8, PngBytes.RGB)
            .chunk("tRNS", 0, 9, 0, 9, 0, 9)
            .pixels(9, 9, 9, 100, 100, 100);
    byte[] gray = new PngBytes(2, 1, 8, PngBytes.GRAY).chunk("tRNS", 0, 9).pixels(9, 100);

    for (byte[] png : new byte[][] {rgb, gray}) {
      assertThat(decode(png, 1, 2, Option.GRAYSCALE))
          .containsExactly(bytes(255, 100), within(1e-5f));
      ImageFolder images = ImageFolder.open(folder, 1, 2, Option.GRAYSCALE);
      assertThat(sample(images.withGround(0, 0, 0), 0))
          .containsExactly(bytes(0, 100), within(1e-5f));
      assertThat(images.withGround(0, 0, 0).description()).endsWith(", ground [0, 0, 0]]");
      assertThatThrownBy(() -> images.withGround(0, 256, 0))
          .hasMessage("background must be in [0, 255] but was 256");
    }
  }

  @Test
  void read_sixteenBits_keepsThem() throws IOException {
    byte[] gray = new PngBytes(2, 1, 16, PngBytes.GRAY).pixels(0x80, 0x40, 0xff, 0xff);
    byte[] rgba =
        new PngBytes(1, 1, 16, PngBytes.RGBA)
            .pixels(0x80, 0x40, 0x80, 0x40, 0x80, 0x40, 0x80, 0x00);

    float value = 0x8040 / 65535f;
    assertThat(decode(gray, 1, 2, Option.GRAYSCALE))
        .containsExactly(new float[] {2 * value - 1, 1}, within(1e-6f));
    float half = 0x8000 / 65535f;
    assertThat(decode(rgba, 1, 1, Option.GRAYSCALE))
        .containsExactly(new float[] {2 * (value * half + 1 - half) - 1}, within(1e-6f));
  }

  @Test
  void read_oneBitGray_isBlackAndWhite() throws IOException {
    byte[] png = new PngBytes(4, 1, 1, PngBytes.GRAY).pixels(0b0110_0000);

    assertThat(decode(png, 1, 4, Option.GRAYSCALE)).containsExactly(-1, 1, 1, -1);
  }

  @Test
  void read_greater_averagesAreas() throws IOException {
    byte[] png = gray(4, 2, 0, 100, 50, 50, 200, 100, 50, 50);

    assertThat(decode(png, 1, 2, Option.GRAYSCALE)).containsExactly(bytes(100, 50), within(1e-5f));
  }

  @Test
  void read_wider_cropsTheMiddle() throws IOException {
    byte[] wide = gray(5, 1, 10, 20, 30, 40, 50);
    byte[] tall = gray(1, 5, 10, 20, 30, 40, 50);

    assertThat(decode(wide, 1, 1, Option.GRAYSCALE)).containsExactly(bytes(30), within(1e-5f));
    assertThat(decode(tall, 1, 1, Option.GRAYSCALE)).containsExactly(bytes(30), within(1e-5f));
  }

  @Test
  void read_smaller_interpolates() throws IOException {
    byte[] png = gray(2, 1, 0, 200);

    assertThat(decode(png, 2, 4, Option.GRAYSCALE))
        .containsExactly(bytes(0, 50, 150, 200, 0, 50, 150, 200), within(1e-5f));
  }

  @Test
  void read_jpeg_isDecoded() throws IOException {
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 256; i++) {
      image.setRGB(i % 16, i / 16, 0xc86432);
    }
    Path file = Files.createDirectories(folder).resolve("photo.jpeg");
    ImageIO.write(image, "jpeg", file.toFile());

    float[] sample = sample(ImageFolder.open(folder, 1, 1), 0);
    assertThat(sample).containsExactly(bytes(0xc8, 0x64, 0x32), within(0.03f));

    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 40));
    assertThatThrownBy(() -> sample(ImageFolder.open(folder, 1, 1), 0))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file.toString());
  }

  @Test
  void read_brokenImage_namesTheFile() throws IOException {
    byte[] whole = gray(8, 8, IntStream.range(0, 64).map(i -> i * i * 37 & 255).toArray());
    brokenImage(new byte[0], "is empty");
    brokenImage("GIF89a, not a PNG".getBytes(), "cannot be read as an image");
    brokenImage("no image at all".getBytes(), "ImageIO has no reader for its format");
    brokenImage("RIFF0000WEBPVP8 ".getBytes(), "com.twelvemonkeys.imageio:imageio-webp on the");
    brokenImage(new byte[] {'B', 'M', 70, 0}, "cannot be read as an image: it is truncated");
    brokenImage(Arrays.copyOf(whole, 20), "cannot be read as an image");
    brokenImage(Arrays.copyOf(whole, 50), "cannot be read as an image");
    byte[] damaged = whole.clone();
    Arrays.fill(damaged, 43, 48, (byte) 0x55);
    brokenImage(damaged, "cannot be read as an image");
  }

  @Test
  void read_bomb_isRefusedBeforeDecoding() throws IOException {
    brokenImage(sized(100_000), "must have at most 64000000 pixels but has 10000000000");
    byte[] few = sized(7_000);
    brokenImage(few, "it has " + few.length + " bytes, too few for 49000000 pixels");
  }

  /** A picture of one pixel that says it has more. */
  private static byte[] sized(int side) {
    byte[] png = gray(1, 1, 0);
    ByteBuffer.wrap(png).putInt(16, side).putInt(20, side);
    CRC32 crc = new CRC32();
    crc.update(png, 12, 17);
    ByteBuffer.wrap(png).putInt(29, (int) crc.getValue());
    return png;
  }

  @Test
  void open_skipBroken_leavesThemOut() throws IOException {
    write("a/1.png", gray(1, 1, 0));
    write("b/2.png", new byte[] {1, 2, 3});
    write("c/3.png", gray(1, 1, 255));

    ImageFolder images =
        ImageFolder.open(folder, 1, 1, Option.GRAYSCALE, Option.SKIP_BROKEN, Option.CLASS_FOLDERS);

    assertThat(images.size()).isEqualTo(2);
    assertThat(sample(images, 1)).containsExactly(1);
    assertThat(images.label(1)).isEqualTo(2);
    Files.delete(folder.resolve("a/1.png"));
    Files.delete(folder.resolve("c/3.png"));
    assertThatThrownBy(() -> ImageFolder.open(folder, 1, 1, Option.SKIP_BROKEN))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + ": has no readable image");
  }

  @Test
  void open_numberedClassFolders_areInTheOrderOfTheirNumbers() throws IOException {
    for (int i = 11; i >= 0; i--) {
      write(i + "/a.png", gray(1, 1, 20 * i));
    }
    write("5/.DS_Store", new byte[1]);
    write("5/Thumbs.db", new byte[1]);
    write("__MACOSX/5/._a.png", new byte[1]);
    write("@eaDir/a.png", new byte[1]);
    write(".ipynb_checkpoints/a.png", new byte[1]);

    List<String> logged =
        LoggedText.of(
            () -> {
              ImageFolder images = ImageFolder.open(folder, 1, 1, Option.CLASS_FOLDERS);
              assertThat(images.classNames()).isEqualTo(Samples.numberedClasses(12));
              for (int i = 0; i < images.size(); i++) {
                assertThat(sample(images, i)[0]).isEqualTo(bytes(20 * images.label(i))[0]);
              }
            });

    assertThat(logged).isEmpty();
  }

  @Test
  void open_emptyClassFolder_isAClassAndSaid() throws IOException {
    write("a/1.png", gray(1, 1, 0));
    Files.createDirectories(folder.resolve("b"));
    write("c/x/1.png", gray(1, 1, 0));

    List<String> logged =
        LoggedText.of(
            () ->
                assertThat(ImageFolder.open(folder, 1, 1, Option.CLASS_FOLDERS).classNames())
                    .containsExactly("a", "b", "c"));

    assertThat(logged).singleElement().asString().endsWith(": classes without an image: b");
  }

  @Test
  void withClassNames_ofAnotherFolder_comparesByName() throws IOException {
    write("train/a/1.png", gray(1, 1, 0));
    write("train/b/1.png", gray(1, 1, 0));
    write("held/b/1.png", gray(1, 1, 0));
    write("held/c/1.png", gray(1, 1, 0));
    List<String> names =
        ImageFolder.open(folder.resolve("train"), 1, 1, Option.CLASS_FOLDERS).classNames();
    ImageFolder held = ImageFolder.open(folder.resolve("held"), 1, 1, Option.CLASS_FOLDERS);

    assertThatThrownBy(() -> held.withClassNames(names))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(folder.resolve("held/c") + ": class must be one of [a, b] but was 'c'");
    ImageFolder wider = held.withClassNames(List.of("a", "b", "c"));
    assertThat(wider.label(0)).isEqualTo(1);
    assertThat(wider.label(1)).isEqualTo(2);
    assertThat(wider.classes()).isEqualTo(3);
    ImageFolder unlabelled = ImageFolder.open(folder, 1, 1);
    assertThatThrownBy(() -> unlabelled.withClassNames(names))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void open_otherFiles_areCountedByExtension() throws IOException {
    for (int i = 0; i < 20; i++) {
      write(i + ".heic", new byte[] {1});
    }
    assertThatThrownBy(() -> ImageFolder.open(folder, 1, 1))
        .hasMessage(folder + ": has no image of a supported format but 20 heic");
    write("a.png", gray(1, 1, 0));

    List<String> logged =
        LoggedText.of(() -> assertThat(ImageFolder.open(folder, 1, 1).size()).isEqualTo(1));

    assertThat(logged).singleElement().asString().endsWith("20 files were skipped: 20 heic");
    assertThat(ImageFormats.readable().describe(Map.of("webp", 2, "b", 1, "a", 1)))
        .isEqualTo(
            "2 webp, 1 a, 1 b; com.twelvemonkeys.imageio:imageio-webp on the class path reads"
                + " webp");
  }

  @Test
  void read_otherFormats_areRead() throws IOException {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_RGB);
    image.setRGB(0, 0, 0xff0000);
    image.setRGB(1, 0, 0x0000ff);
    for (String format : List.of("bmp", "gif", "tiff", "png")) {
      // The content decides, whatever the name.
      for (String name : List.of("a." + format, "a.jpg")) {
        Path file = Files.createDirectories(folder.resolve(format + name)).resolve(name);
        assertThat(ImageIO.write(image, format, file.toFile())).isTrue();
        assertThat(sample(ImageFolder.open(file.getParent(), 1, 2), 0))
            .containsExactly(1, -1, -1, -1, -1, 1);
      }
    }
    Path gray = Files.createDirectories(folder.resolve("wbmp")).resolve("a.wbmp");
    Files.write(gray, new byte[] {0, 0, 8, 1, 0b0110_0000});
    assertThat(sample(ImageFolder.open(gray.getParent(), 1, 8, Option.GRAYSCALE), 0))
        .containsExactly(-1, 1, 1, -1, -1, -1, -1, -1);
  }

  @Test
  void read_jpegUnderAnyOfItsNames_isRead() throws IOException {
    BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
    for (String extension : List.of("jfif", "JPE", "pjpeg", "pjp")) {
      Path file = Files.createDirectories(folder).resolve("a." + extension);
      ImageIO.write(image, "jpeg", file.toFile());
    }
    assertThat(ImageFolder.open(folder, 8, 8).size()).isEqualTo(4);
  }

  @Test
  void open_link_isFollowed() throws IOException {
    write("there/a/1.png", gray(1, 1, 255));
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("there"));
    Files.createSymbolicLink(folder.resolve("there/a/2.png"), folder.resolve("there/a/1.png"));
    Files.createSymbolicLink(folder.resolve("there/3.png"), folder.resolve("there/a"));

    ImageFolder images = ImageFolder.open(link, 1, 1, Option.GRAYSCALE);

    assertThat(images.size()).isEqualTo(2);
    assertThat(images.file(1)).isEqualTo(link.resolve("a/2.png"));
    assertThat(sample(images, 1)).containsExactly(1);
  }

  @Test
  void open_anyFileSystem_keepsNames() throws IOException {
    try (FileSystem zip = zip()) {
      Path inside = zip.getPath("/bilder");
      Files.createDirectories(inside.resolve("größe"));
      Files.write(inside.resolve("größe/猫 1.png"), gray(1, 1, 255));

      ImageFolder images =
          ImageFolder.open(
              inside, 1, 1, Option.CLASS_FOLDERS, Option.GRAYSCALE, Option.SKIP_BROKEN);

      assertThat(images.classNames()).containsExactly("größe");
      assertThat(images.file(0)).isEqualTo(inside.resolve("größe/猫 1.png"));
      assertThat(sample(images, 0)).containsExactly(1);
    }
  }

  @Test
  void open_nameThatCannotBeWritten_isRefused() throws IOException {
    try (FileSystem zip = zip()) {
      Path file = Files.write(zip.getPath("/\uFFFD.png"), gray(1, 1, 255));

      assertThatThrownBy(() -> ImageFolder.open(zip.getPath("/"), 1, 1))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + ": name must be written in the character set");
    }
  }

  private FileSystem zip() throws IOException {
    return FileSystems.newFileSystem(folder.resolve("images.zip"), Map.of("create", "true"));
  }

  @Test
  void description_tellsNamesAndSizesNotPlace() throws IOException {
    write("one/a.png", gray(1, 1, 0));
    write("copy/a.png", gray(1, 1, 0));
    write("renamed/b.png", gray(1, 1, 0));
    write("greater/a.png", gray(9, 9, new int[81]));
    String one = ImageFolder.open(folder.resolve("one"), 1, 1).description();

    assertThat(one).matches("ImageFolder\\[1 x \\[3, 1, 1], crc32 [0-9a-f]{8}]");
    assertThat(ImageFolder.open(folder.resolve("copy"), 1, 1).description()).isEqualTo(one);
    assertThat(ImageFolder.open(folder.resolve("renamed"), 1, 1).description()).isNotEqualTo(one);
    assertThat(ImageFolder.open(folder.resolve("greater"), 1, 1).description()).isNotEqualTo(one);
  }

  @Test
  void file_indexOutside_throws() throws IOException {
    write("a.png", gray(1, 1, 0));
    ImageFolder images = ImageFolder.open(folder, 1, 1);

    assertThatThrownBy(() -> images.file(1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> images.file(-1)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  private void brokenImage(byte[] content, String message) throws IOException {
    Path file = write("bad.png", content);
    ImageFolder images = ImageFolder.open(folder, 8, 8);
    assertThatThrownBy(() -> images.read(0, new float[192]))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message);
  }

  private float[] decode(byte[] png, int height, int width, Option... options) throws IOException {
    write("image.png", png);
    return sample(ImageFolder.open(folder, height, width, options), 0);
  }

  private static float[] sample(SampleSource source, int index) throws IOException {
    float[] sample = new float[Samples.length(source.sampleShape())];
    source.read(index, sample);
    return sample;
  }

  private Path write(String name, byte[] content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, content);
  }

  private static byte[] gray(int width, int height, int... pixels) {
    return new PngBytes(width, height, 8, PngBytes.GRAY).pixels(pixels);
  }

  private static float[] bytes(float... values) {
    float[] scaled = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      scaled[i] = values[i] / 127.5f - 1;
    }
    return scaled;
  }
}
