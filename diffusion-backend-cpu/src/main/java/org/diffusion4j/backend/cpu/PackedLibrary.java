package org.diffusion4j.backend.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Properties;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZInputStream;

/**
 * ND4J's large library as resources of less than half the size that it has in ND4J's jar.
 *
 * <p>Its code repeats itself at distances that the 32 kB of a jar's deflate do not see, and those
 * of LZMA do. It lies in parts that are unpacked by all processors at once ({@link LibraryPacker}
 * makes them), beside a file of properties:
 *
 * <pre>
 * org/diffusion4j/natives/linux-x86_64/library.properties    extension, name, bytes, parts, checksum
 * org/diffusion4j/natives/linux-x86_64/0.xz ...
 * </pre>
 *
 * @param folder where the resources are on the class path
 * @param extension ND4J's suffix of the library, perhaps empty
 * @param name the library's file name
 * @param bytes its size
 * @param parts the number of parts, of the same size but for the last
 * @param checksum CRC-32 of the library, in hexadecimal
 */
record PackedLibrary(
    String folder, String extension, String name, long bytes, int parts, String checksum) {

  static final String PROPERTIES = "library.properties";

  /** The library for a platform if the class path has it packed. */
  static @Nullable PackedLibrary find(ClassLoader loader, String platform) {
    String folder = folder(platform);
    URL url = loader.getResource(folder + PROPERTIES);
    if (url == null) {
      return null;
    }
    Properties read = new Properties();
    try (InputStream in = url.openStream()) {
      read.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new PackedLibrary(
        folder,
        read.getProperty("extension"),
        read.getProperty("name"),
        Long.parseLong(read.getProperty("bytes")),
        Integer.parseInt(read.getProperty("parts")),
        read.getProperty("checksum"));
  }

  static String folder(String platform) {
    return "org/diffusion4j/natives/" + platform + "/";
  }

  /** Bytes of each part but the last. */
  static long partBytes(long bytes, int parts) {
    return (bytes + parts - 1) / parts;
  }

  /** The folder below another in which the library lies once it is unpacked. */
  Path folder(Path cache) {
    return cache.resolve("diffusion4j-" + checksum);
  }

  /** Bytes that unpacking takes: none if the library lies there. */
  long missingBytes(Path cache) {
    return folder(cache).resolve(name).toFile().length() == bytes ? 0 : bytes;
  }

  /**
   * Unpacks the library below a folder, unless it lies there. Processes that do so at once do not
   * disturb each other: a library appears whole or not at all.
   *
   * @return the folder in which it is
   */
  Path unpack(ClassLoader loader, Path cache) throws IOException {
    Path target = folder(cache);
    if (missingBytes(cache) > 0) {
      Files.createDirectories(target);
      Path unfinished = Files.createTempFile(target, name, ".part");
      try {
        try (FileChannel file = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
          IntStream.range(0, parts).parallel().forEach(part -> unpack(loader, part, file));
          if (file.size() != bytes) {
            throw new IOException(name + " must have " + bytes + " bytes but had " + file.size());
          }
        }
        Files.move(unfinished, target.resolve(name), StandardCopyOption.ATOMIC_MOVE);
      } catch (UncheckedIOException e) {
        throw e.getCause();
      } finally {
        Files.deleteIfExists(unfinished);
      }
    }
    return target;
  }

  /** XZ checks each part. */
  private void unpack(ClassLoader loader, int part, FileChannel file) {
    String resource = folder + part + ".xz";
    try (InputStream packed = loader.getResourceAsStream(resource)) {
      if (packed == null) {
        throw new IOException(resource + " must be on the class path but is not");
      }
      XZInputStream in = new XZInputStream(packed);
      byte[] buffer = new byte[1 << 16];
      long position = part * partBytes(bytes, parts);
      for (int n = in.read(buffer); n > 0; n = in.read(buffer)) {
        ByteBuffer some = ByteBuffer.wrap(buffer, 0, n);
        while (some.hasRemaining()) {
          position += file.write(some, position);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
