package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.internal.files.Safetensors;
import org.diffusion4j.unet.UNet;
import org.diffusion4j.unet.UNetConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Model directories, safetensors and .npy files with any damage are read or refused by the file's
 * name, with a short message and in bounded time.
 */
@Tag("slow")
class DamagedModelsTest {

  private static final int MUTANTS = Integer.getInteger("mutants", 300);
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private static final Pattern VALUE =
      Pattern.compile(": (\"[^\"]*\"|[\\d.e-]+|null|true|false|\\[[^\\]]*\\])");

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "[]",
          "{}",
          "\"\"",
          "0",
          "-1",
          "1",
          "2",
          "16",
          "64",
          "65536",
          "2147483647",
          "2147483648",
          "1e308",
          "NaN",
          "1.5",
          "\"x\"",
          "[1,2]",
          "[null,null]",
          "\"a\\u0000b\\n\"",
          "\"fourier\"",
          "\"learned\"",
          "[\"diffusers\",\"DDIMScheduler\"]");

  @TempDir private Path folder;

  private interface Reader {
    void read(Path file) throws IOException;
  }

  @Test
  void load_ofADamagedDirectory_readsOrRefuses() throws IOException {
    Path model = folder.resolve("model");
    UNetConfig config =
        UNetConfig.builder(1, 4, 4)
            .blockOutChannels(4, 8)
            .layersPerBlock(1)
            .normGroups(2)
            .midAttention(false)
            .build();
    try (UNet net = UNet.create(config, NoiseSchedule.cosine(50), 1)) {
      PretrainedModel.of(net).save(model);
    }
    List<Path> files;
    try (var all = Files.walk(model)) {
      files = all.filter(Files::isRegularFile).sorted().toList();
    }
    assertThat(files).hasSize(5);
    for (Path file : files) {
      check(file, changed -> PretrainedModel.load(model).close());
    }
  }

  @Test
  void open_ofDamagedTensors_readsOrRefuses() throws IOException {
    Path file = folder.resolve("tensors.safetensors");
    Safetensors.write(
        file,
        new TreeMap<>(
            Map.of(
                "a", Nd4j.ones(DataType.FLOAT, 2, 3),
                "b", Nd4j.ones(DataType.HALF, 4),
                "c", Nd4j.create(DataType.BOOL, 3),
                "d", Nd4j.ones(DataType.LONG, 2))),
        Map.of("format", "pt"));
    check(
        file,
        changed -> {
          try (Safetensors tensors = Safetensors.open(changed)) {
            for (String name : tensors.names()) {
              tensors.read(name).close();
            }
          }
        });
  }

  @Test
  void read_ofADamagedArray_readsOrRefuses() throws IOException {
    Path file = folder.resolve("array.npy");
    NpyFiles.write(file, Nd4j.ones(DataType.FLOAT, 3, 2));
    check(file, changed -> NpyFiles.read(changed).close());
  }

  private void check(Path file, Reader reader) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    boolean json = file.toString().endsWith("json");
    for (int seed = 0; seed < MUTANTS; seed++) {
      Random random = new Random(seed);
      byte[] mutant =
          json && random.nextInt(5) > 0 ? jsonMutant(whole, random) : mutant(whole, random);
      Files.write(file, mutant);
      String what = file.getFileName() + " of seed " + seed;
      long start = System.nanoTime();
      try {
        reader.read(file);
      } catch (IOException e) {
        assertThat(e.getMessage()).as(what).startsWith(folder.toString()).hasSizeLessThan(700);
        assertThat(e.getMessage().chars()).as(what).noneMatch(Character::isISOControl);
      }
      assertThat(Duration.ofNanos(System.nanoTime() - start)).as(what).isLessThan(LIMIT);
    }
    Files.write(file, whole);
  }

  private static byte[] mutant(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    switch (random.nextInt(4)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(50));
      case 2 -> {
        for (int i = random.nextInt(4); i >= 0; i--) {
          bytes[random.nextInt(Math.min(bytes.length, 400))] ^= (byte) (1 << random.nextInt(8));
        }
      }
      default -> {
        for (int i = random.nextInt(4); i >= 0; i--) {
          bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
        }
      }
    }
    return bytes;
  }

  /** Puts other values in place of one or two. */
  private static byte[] jsonMutant(byte[] whole, Random random) {
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    for (int k = random.nextInt(2); k >= 0; k--) {
      List<MatchResult> places = VALUE.matcher(text).results().toList();
      if (places.isEmpty()) {
        return mutant(whole, random);
      }
      MatchResult place = places.get(random.nextInt(places.size()));
      String value =
          random.nextInt(20) == 0
              ? "\"" + "y\\n".repeat(1 + random.nextInt(30_000)) + "\""
              : VALUES.get(random.nextInt(VALUES.size()));
      text = text.substring(0, place.start(1)) + value + text.substring(place.end(1));
    }
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
