package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.files.Json;
import org.diffusion4j.internal.files.Safetensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files are read or refused with their name; nothing else happens. */
class MutatedFilesTest {

  private static final int MUTANTS = 5000;
  private static final Pattern NUMBER = Pattern.compile("\\d+");
  private static final String[] NUMBERS = {
    "0",
    "1",
    "3",
    "4",
    "-1",
    "36",
    "1e3",
    "1e999",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "NaN",
    "-Infinity",
    "null",
    "[]",
    "\"0\""
  };

  @TempDir Path directory;

  @FunctionalInterface
  private interface Reader {
    void read(Path file) throws IOException;
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void open_mutants_areReadOrRefused() throws IOException {
    byte[] original = Fixtures.resource(Fixtures.ALL_TYPES);
    check(
        directory.resolve("model.safetensors"),
        random -> {
          int n = (int) ByteBuffer.wrap(original).order(ByteOrder.LITTLE_ENDIAN).getLong();
          if (random.nextInt(4) == 0) {
            return mutateBytes(original, random);
          }
          // The header's length is kept right, so that the mutation is seen.
          byte[] header = mutateJson(Arrays.copyOfRange(original, 8, 8 + n), random);
          byte[] data = Arrays.copyOfRange(original, 8 + n, original.length);
          return Fixtures.file(header, random.nextInt(8) == 0 ? mutateBytes(data, random) : data);
        },
        file -> {
          try (Safetensors tensors = Safetensors.open(file)) {
            for (String name : tensors.names()) {
              assertThat(tensors.read(name).shape()).isEqualTo(tensors.shape(name));
            }
          }
        });
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void read_mutantsOfConfigurations_areReadOrRefused() throws IOException {
    List<byte[]> originals =
        List.of(Fixtures.resource("unet-config.json"), Fixtures.resource("dpm-solver-config.json"));
    check(
        directory.resolve("config.json"),
        random -> mutateJson(originals.get(random.nextInt(originals.size())), random),
        file -> Json.format(Json.read(file)));
  }

  @FunctionalInterface
  private interface Mutator {
    byte[] mutate(Random random);
  }

  private static void check(Path file, Mutator mutator, Reader reader) throws IOException {
    int read = 0;
    for (int seed = 0; seed < MUTANTS; seed++) {
      // Overwriting makes some file systems write to the disk at once.
      Files.deleteIfExists(file);
      Files.write(file, mutator.mutate(new Random(seed)));
      try {
        reader.read(file);
        read++;
      } catch (ModelFormatException e) {
        assertThat(e).as("seed %s", seed).hasMessageStartingWith(file + ": ");
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + " of " + file.getFileName(), e);
      }
    }
    // Mutants that are all read, or all refused early, would show nothing.
    assertThat(read).isBetween(MUTANTS / 100, MUTANTS * 3 / 4);
  }

  private static byte[] mutateBytes(byte[] original, Random random) {
    byte[] bytes = original.clone();
    if (bytes.length == 0) {
      return new byte[random.nextInt(9)];
    }
    switch (random.nextInt(5)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(100));
      case 2 -> bytes[random.nextInt(Math.min(8, bytes.length))] ^= (byte) (1 << random.nextInt(8));
      case 3 -> {
        for (int i = random.nextInt(4); i >= 0; i--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      default -> {
        int at = random.nextInt(bytes.length);
        byte[] garbage = new byte[1 + random.nextInt(20)];
        random.nextBytes(garbage);
        bytes = splice(bytes, at, at + random.nextInt(bytes.length - at), garbage);
      }
    }
    return bytes;
  }

  private static byte[] mutateJson(byte[] original, Random random) {
    String text = new String(original, StandardCharsets.ISO_8859_1);
    int at = random.nextInt(text.length());
    String mutant =
        switch (random.nextInt(7)) {
          case 0, 1 -> replaceNumber(text, random);
          case 2 -> text.substring(0, at) + random(random, "[", "{\"a\":", "[{\"\":") + text;
          case 3 -> {
            int depth = 1 << random.nextInt(17);
            yield text.substring(0, at)
                + "[".repeat(depth)
                + "]".repeat(depth)
                + text.substring(at);
          }
          case 4 -> duplicateLine(text, random);
          case 5 ->
              text.substring(0, at)
                  + random(
                      random, ",", ":", "\"", "}", "]", "\\ud800", "\0", "é", " ", "\n", "null")
                  + text.substring(at);
          default -> null;
        };
    return mutant == null
        ? mutateBytes(original, random)
        : mutant.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String replaceNumber(String text, Random random) {
    List<int[]> places =
        NUMBER.matcher(text).results().map(m -> new int[] {m.start(), m.end()}).toList();
    int[] place = places.get(random.nextInt(places.size()));
    return text.substring(0, place[0]) + random(random, NUMBERS) + text.substring(place[1]);
  }

  /** Repeats something between two commas: an element, a name, a tensor, or parts of them. */
  private static String duplicateLine(String text, Random random) {
    int from = text.indexOf(',', random.nextInt(text.length()));
    int to = from < 0 ? -1 : text.indexOf(',', from + 1 + random.nextInt(100));
    return to < 0 ? text + text : text.substring(0, to) + text.substring(from);
  }

  private static String random(Random random, String... choices) {
    return choices[random.nextInt(choices.length)];
  }

  private static byte[] splice(byte[] bytes, int from, int to, byte[] replacement) {
    return ByteBuffer.allocate(from + replacement.length + bytes.length - to)
        .put(bytes, 0, from)
        .put(replacement)
        .put(bytes, to, bytes.length - to)
        .array();
  }
}
