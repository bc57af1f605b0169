package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PackedLibraryTest {

  @TempDir Path classes;
  @TempDir Path cache;

  /** Repeats itself beyond the 32 kB that deflate sees, and has no even parts. */
  private final byte[] library = new byte[1_000_003];

  private ClassLoader loader;
  private PackedLibrary packed;

  @BeforeEach
  void pack() throws IOException {
    byte[] block = new byte[100_000];
    new Random(7).nextBytes(block);
    for (int i = 0; i < library.length; i++) {
      library[i] = block[i % block.length];
    }
    LibraryPacker.pack("linux-x86_64", "-onednn", "libsome.so", library, classes);
    loader = new URLClassLoader(new URL[] {classes.toUri().toURL()}, null);
    packed = PackedLibrary.find(loader, "linux-x86_64");
  }

  @Test
  void unpack_givesTheSameBytes() throws IOException {
    assertThat(packed.extension()).isEqualTo("-onednn");
    assertThat(packed.missingBytes(cache)).isEqualTo(library.length);
    Path file = packed.unpack(loader, cache).resolve("libsome.so");
    assertThat(file).hasBinaryContent(library);
    assertThat(packed.missingBytes(cache)).isZero();
  }

  @Test
  void unpack_again_leavesTheFileAlone() throws IOException {
    Path file = packed.unpack(loader, cache).resolve(packed.name());
    byte[] zeros = new byte[library.length];
    Files.write(file, zeros);
    packed.unpack(loader, cache);
    assertThat(file).hasBinaryContent(zeros);
  }

  @Test
  void unpack_ofATruncatedFile_mendsIt() throws IOException {
    Path file = packed.unpack(loader, cache).resolve(packed.name());
    Files.write(file, new byte[10]);
    packed.unpack(loader, cache);
    assertThat(file).hasBinaryContent(library);
  }

  @Test
  void unpack_bySeveralAtOnce_givesOneFile() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Path>> all =
          Stream.generate(() -> threads.submit(() -> packed.unpack(loader, cache)))
              .limit(4)
              .toList();
      for (Future<Path> each : all) {
        assertThat(each.get().resolve(packed.name())).hasBinaryContent(library);
      }
    } finally {
      threads.shutdown();
    }
    assertThat(packed.folder(cache)).isDirectoryContaining(file -> file.endsWith(packed.name()));
    try (Stream<Path> files = Files.list(packed.folder(cache))) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void unpack_ofADamagedPart_leavesNothing() throws IOException {
    Path part = classes.resolve(packed.folder() + "3.xz");
    byte[] damaged = Files.readAllBytes(part);
    damaged[damaged.length / 2] ^= 1;
    Files.write(part, damaged);
    assertThatIOException().isThrownBy(() -> packed.unpack(loader, cache));
    assertThat(packed.folder(cache)).isEmptyDirectory();
  }

  @Test
  void find_ofAnotherPlatform_isNull() {
    assertThat(PackedLibrary.find(loader, "linux-arm64")).isNull();
  }
}
