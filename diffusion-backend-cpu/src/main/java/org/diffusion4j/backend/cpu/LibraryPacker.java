package org.diffusion4j.backend.cpu;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.tukaani.xz.ARM64Options;
import org.tukaani.xz.FilterOptions;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.X86Options;
import org.tukaani.xz.XZ;
import org.tukaani.xz.XZOutputStream;

/** Makes the resources of a {@link PackedLibrary}. The build of a platform's artifact runs it. */
final class LibraryPacker {

  private static final int PARTS = 8;

  /**
   * Lower ones take less than the minutes that this takes, and make the jar larger by megabytes.
   */
  private static final int PRESET = 3;

  private static final int WINDOW = 16 << 20;

  private LibraryPacker() {}

  /**
   * Packs ND4J's library, and copies its binding, from the class path.
   *
   * @param arguments the platform, ND4J's classifier of the library, and the folder of classes to
   *     write to
   */
  public static void main(String[] arguments) throws IOException {
    String platform = arguments[0];
    String extension = arguments[1].substring(platform.length());
    Path classes = Path.of(arguments[2]);
    String bindings = "org/nd4j/linalg/cpu/nativecpu/bindings/" + platform + extension + "/";
    Path binding = classes.resolve(bindings + "libjnind4jcpu.so");
    Files.createDirectories(binding.getParent());
    Files.write(binding, resource(bindings + "libjnind4jcpu.so"));
    byte[] library = resource(bindings + "libnd4jcpu.so");
    Elf.clearSymbols(library);
    pack(platform, extension, "libnd4jcpu.so", library, classes);
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = LibraryPacker.class.getClassLoader().getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException(name + " must be on the class path but is not");
      }
      return in.readAllBytes();
    }
  }

  /** Packs a library, unless the same one lies there packed. */
  static PackedLibrary pack(
      String platform, String extension, String name, byte[] library, Path classes)
      throws IOException {
    CRC32 crc = new CRC32();
    crc.update(library);
    String checksum = "%08x".formatted(crc.getValue());
    String facts =
        "extension=%s\nname=%s\nbytes=%d\nparts=%d\nchecksum=%s\n"
            .formatted(extension, name, library.length, PARTS, checksum);
    String folder = PackedLibrary.folder(platform);
    Path properties = classes.resolve(folder + PackedLibrary.PROPERTIES);
    if (!Files.exists(properties) || !Files.readString(properties).equals(facts)) {
      Files.createDirectories(properties.getParent());
      boolean arm = platform.endsWith("arm64");
      IntStream.range(0, PARTS)
          .parallel()
          .forEach(part -> packPart(library, part, arm, properties.resolveSibling(part + ".xz")));
      Files.writeString(properties, facts, StandardCharsets.ISO_8859_1);
    }
    return new PackedLibrary(folder, extension, name, library.length, PARTS, checksum);
  }

  private static void packPart(byte[] library, int part, boolean arm, Path file) {
    long size = PackedLibrary.partBytes(library.length, PARTS);
    int from = (int) Math.min(library.length, part * size);
    int to = (int) Math.min(library.length, (part + 1) * size);
    try {
      LZMA2Options lzma = new LZMA2Options(PRESET);
      lzma.setDictSize(WINDOW);
      FilterOptions branches = arm ? new ARM64Options() : new X86Options();
      ByteArrayOutputStream packed = new ByteArrayOutputStream();
      try (OutputStream out =
          new XZOutputStream(packed, new FilterOptions[] {branches, lzma}, XZ.CHECK_CRC32)) {
        new ByteArrayInputStream(library, from, to - from).transferTo(out);
      }
      Files.write(file, packed.toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
