package org.diffusion4j.backend.cpu;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * The folder to which JavaCPP extracts native libraries at the first start, {@code
 * ~/.javacpp/cache} by default.
 */
final class ExtractionFolder {

  private static final String PROPERTY = "org.bytedeco.javacpp.cachedir";

  private ExtractionFolder() {}

  /**
   * That the folder lacks room, in a sentence; null if it does not.
   *
   * @param libraries folders of libraries on the class path
   * @param more bytes that will be needed besides
   */
  static @Nullable String problem(Path folder, List<String> libraries, long more)
      throws IOException {
    if (!Boolean.parseBoolean(System.getProperty("org.bytedeco.javacpp.cachelibraries", "true"))) {
      return null;
    }
    long needed = more;
    for (String each : libraries) {
      URL url = ExtractionFolder.class.getClassLoader().getResource(each);
      needed += url == null ? 0 : missingBytes(url, each, folder);
    }
    return problem(folder, needed, room(folder));
  }

  /** Room in bytes; unlimited if the system does not say, as without a mounted root. */
  private static long room(Path folder) {
    try {
      return Files.getFileStore(folder).getUsableSpace();
    } catch (IOException unknown) {
      return Long.MAX_VALUE;
    }
  }

  static @Nullable String problem(Path folder, long needed, long room) {
    return needed <= room
        ? null
        : "%s must have room for %d MB of native libraries but has %d MB: set the system property %s to another folder"
            .formatted(folder, megabytes(needed + (1 << 20) - 1), megabytes(room), PROPERTY);
  }

  /** Bytes of the libraries in a folder of a jar that are not extracted yet. */
  private static long missingBytes(URL url, String libraries, Path folder) throws IOException {
    if (!(url.openConnection() instanceof JarURLConnection connection)) {
      return 0;
    }
    JarFile jar = connection.getJarFile();
    Path extracted = folder.resolve(Path.of(jar.getName()).getFileName());
    return jar.stream()
        .filter(entry -> isLoaded(entry, libraries))
        .filter(entry -> extracted.resolve(entry.getName()).toFile().length() != entry.getSize())
        .mapToLong(entry -> entry.getSize() * copies(entry))
        .sum();
  }

  /** Libraries lie beside one another, headers below; LAPACK's full binding is not loaded. */
  private static boolean isLoaded(JarEntry entry, String folder) {
    String name = entry.getName();
    return name.startsWith(folder)
        && !entry.isDirectory()
        && name.indexOf('/', folder.length()) < 0
        && !name.contains("jniopenblas_full.");
  }

  /** JavaCPP extracts OpenBLAS under two names. */
  private static int copies(JarEntry entry) {
    return entry.getName().contains("/libopenblas.") ? 2 : 1;
  }

  private static long megabytes(long bytes) {
    return bytes >> 20;
  }
}
