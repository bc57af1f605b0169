package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OrientationTest {

  private static final int[] UPRIGHT = {0, 40, 80, 120, 160, 200};

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void read_everyOrientation_isUpright(int orientation) throws IOException {
    for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
      byte[] tiff = tiff(order, orientation, 3, 1);
      BufferedImage stored = stored(orientation, 3, 2, UPRIGHT);
      byte[] png = png(stored, tiff);

      assertThat(read("a.png", png, 2, 3)).containsExactly(scaled(UPRIGHT), within(1e-6f));
      // An odd part is cropped as of the upright picture.
      assertThat(read("a.png", png, 2, 2)).containsExactly(scaled(0, 40, 120, 160), within(1e-6f));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void read_jpeg_isUprightWhereverTheSegmentIs(int orientation) throws IOException {
    int[] upright = new int[32 * 16];
    for (int i = 0; i < upright.length; i++) {
      upright[i] = i % 32 < 16 ? i / 32 < 8 ? 0 : 80 : i / 32 < 8 ? 160 : 250;
    }
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(stored(orientation, 32, 16, upright), "jpeg", jpeg);
    byte[] exif = segment(tiff(ByteOrder.BIG_ENDIAN, orientation, 3, 1));

    for (int at : new int[] {2, 20}) {
      byte[] with = inserted(jpeg.toByteArray(), exif, at);
      assertThat(read("a.jpg", with, 2, 4))
          .containsExactly(scaled(0, 0, 160, 160, 80, 80, 250, 250), within(0.05f));
    }
  }

  @Test
  void read_brokenExif_isAsStored() throws IOException {
    BufferedImage stored = stored(1, 3, 2, UPRIGHT);
    byte[] good = tiff(ByteOrder.LITTLE_ENDIAN, 6, 3, 1);
    for (int length = 0; length < good.length - 2; length++) {
      assertThat(read("a.png", png(stored, Arrays.copyOf(good, length)), 2, 3))
          .containsExactly(scaled(UPRIGHT), within(1e-6f));
    }
    byte[][] wrong = {
      tiff(ByteOrder.BIG_ENDIAN, 0, 3, 1),
      tiff(ByteOrder.BIG_ENDIAN, 9, 3, 1),
      tiff(ByteOrder.BIG_ENDIAN, 99, 3, 1),
      tiff(ByteOrder.BIG_ENDIAN, 6, 2, 1),
      tiff(ByteOrder.BIG_ENDIAN, 6, 3, 2),
      "no tiff at all".getBytes(StandardCharsets.US_ASCII)
    };
    for (byte[] tiff : wrong) {
      assertThat(read("a.png", png(stored, tiff), 2, 3))
          .containsExactly(scaled(UPRIGHT), within(1e-6f));
    }
    byte[] far = good.clone();
    ByteBuffer.wrap(far).order(ByteOrder.LITTLE_ENDIAN).putInt(4, Integer.MAX_VALUE);
    assertThat(read("a.png", png(stored, far), 2, 3))
        .containsExactly(scaled(UPRIGHT), within(1e-6f));
  }

  private float[] read(String name, byte[] content, int height, int width) throws IOException {
    Files.write(folder.resolve(name), content);
    float[] sample = new float[height * width];
    ImageFolder.open(folder, height, width, ImageFolder.Option.GRAYSCALE).read(0, sample);
    Files.delete(folder.resolve(name));
    return sample;
  }

  /** What a camera would have stored, by the table of EXIF 2.32, 4.6.4 A. */
  private static BufferedImage stored(int orientation, int width, int height, int[] upright) {
    boolean turned = orientation >= 5;
    int w = turned ? height : width;
    int h = turned ? width : height;
    BufferedImage image = new BufferedImage(w, h, BufferedImage.TYPE_BYTE_GRAY);
    for (int y = 0; y < h; y++) {
      for (int x = 0; x < w; x++) {
        int row =
            switch (orientation) {
              case 1, 2 -> y;
              case 3, 4 -> height - 1 - y;
              case 5, 6 -> x;
              default -> height - 1 - x;
            };
        int column =
            switch (orientation) {
              case 1, 4 -> x;
              case 2, 3 -> width - 1 - x;
              case 5, 8 -> y;
              default -> width - 1 - y;
            };
        image.getRaster().setSample(x, y, 0, upright[row * width + column]);
      }
    }
    return image;
  }

  private static byte[] tiff(ByteOrder order, int orientation, int type, int count) {
    ByteBuffer tiff = ByteBuffer.allocate(34).order(order);
    tiff.put(order == ByteOrder.LITTLE_ENDIAN ? "II".getBytes() : "MM".getBytes());
    tiff.putShort((short) 42).putInt(8).putShort((short) 2);
    tiff.putShort((short) 0x0100).putShort((short) 4).putInt(1).putInt(7);
    tiff.putShort((short) 0x0112).putShort((short) type).putInt(count);
    return tiff.putShort((short) orientation).array();
  }

  private static byte[] segment(byte[] tiff) {
    ByteBuffer segment = ByteBuffer.allocate(10 + tiff.length);
    segment.putShort((short) 0xffe1).putShort((short) (8 + tiff.length));
    return segment.put("Exif\0\0".getBytes(StandardCharsets.US_ASCII)).put(tiff).array();
  }

  private static byte[] png(BufferedImage image, byte[] tiff) {
    int[] pixels =
        image.getRaster().getSamples(0, 0, image.getWidth(), image.getHeight(), 0, (int[]) null);
    return new PngBytes(image.getWidth(), image.getHeight(), 8, PngBytes.GRAY)
        .chunk("eXIf", tiff)
        .pixels(pixels);
  }

  private static byte[] inserted(byte[] into, byte[] what, int at) {
    return ByteBuffer.allocate(into.length + what.length)
        .put(into, 0, at)
        .put(what)
        .put(into, at, into.length - at)
        .array();
  }

  private static float[] scaled(int... bytes) {
    float[] scaled = new float[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      scaled[i] = bytes[i] / 127.5f - 1;
    }
    return scaled;
  }
}
