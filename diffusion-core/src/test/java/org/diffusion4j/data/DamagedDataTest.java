package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files of every kind are read or refused by their name, whatever the damage. */
@Tag("slow")
class DamagedDataTest {

  private static final int MUTANTS = Integer.getInteger("mutants", 300);

  @TempDir private Path folder;

  @Test
  void read_damaged_isRefusedByNameOrRead() throws IOException {
    Random random = new Random(42);
    for (Map.Entry<String, byte[]> seed : seeds().entrySet()) {
      Path file = folder.resolve(seed.getKey());
      for (int i = 0; i < MUTANTS; i++) {
        Files.write(file, mutant(seed.getValue(), random));
        try {
          read(file);
        } catch (IOException e) {
          assertThat(e.getMessage()).startsWith(folder.toString()).hasSizeLessThan(600);
          assertThat(e.getMessage().chars()).noneMatch(Character::isISOControl);
        }
      }
      Files.delete(file);
    }
  }

  private void read(Path file) throws IOException {
    String name = file.toString();
    if (name.endsWith(".idx")) {
      IdxImages.read(file);
    } else if (name.endsWith(".csv")) {
      DelimitedVectors.of(file).keepDecimals().skipIncompleteRows().read();
    } else {
      ImageFolder.open(folder, 8, 8).read(0, new float[192]);
    }
  }

  private static byte[] mutant(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    for (int k = random.nextInt(6); k >= 0; k--) {
      int at = random.nextInt(random.nextBoolean() ? bytes.length : Math.min(64, bytes.length));
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] = (byte) random.nextInt(256);
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> Arrays.fill(bytes, at, Math.min(bytes.length, at + 4), (byte) 0xff);
        case 3 -> Arrays.fill(bytes, at, Math.min(bytes.length, at + 4), (byte) 0x7f);
        default -> bytes = Arrays.copyOf(bytes, at + 1);
      }
    }
    return bytes;
  }

  private static Map<String, byte[]> seeds() throws IOException {
    Map<String, byte[]> seeds = new LinkedHashMap<>();
    byte[] idx = new byte[16 + 2 * 5 * 5];
    System.arraycopy(new byte[] {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 5}, 0, idx, 0, 16);
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(idx);
    }
    seeds.put("plain.idx", idx);
    seeds.put("packed.idx", packed.toByteArray());
    String table = "\uFEFFa,note,b\r\n1,\"two\nli\"\"nes\",2\r\n3,x,4e-3\r\n# c\n5,,NaN\n";
    seeds.put("utf8.csv", table.getBytes(StandardCharsets.UTF_8));
    seeds.put("utf16.csv", table.getBytes(StandardCharsets.UTF_16LE));
    BufferedImage image = new BufferedImage(24, 17, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 24 * 17; i++) {
      image.setRGB(i % 24, i / 24, i * 7919 * 31);
    }
    for (String format : new String[] {"png", "jpg", "gif", "bmp", "tiff"}) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ImageIO.write(image, format, out);
      seeds.put("a." + format, out.toByteArray());
    }
    byte[] exif = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
    seeds.put("exif.png", new PngBytes(2, 1, 8, PngBytes.GRAY).chunk("eXIf", exif).pixels(0, 99));
    return seeds;
  }
}
