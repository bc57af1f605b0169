package org.diffusion4j.backend.cpu;

import java.io.File;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.bytedeco.javacpp.Loader;
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
   * @param resources a resource of each folder of libraries, as names on the class path
   */
  static @Nullable String problem(List<String> resources) {
    if (!Boolean.parseBoolean(System.getProperty("org.bytedeco.javacpp.cachelibraries", "true"))) {
      return null;
    }
    File folder;
    try {
      folder = Loader.getCacheDir();
    } catch (IOException noFolder) {
      return null; // ND4J reports that itself.
    }
    long needed = 0;
    for (String resource : resources) {
      URL url = NativeLibraries.resource(resource);
      needed += url == null ? 0 : missingBytes(url, folder);
    }
    return problem(folder, needed, folder.getUsableSpace());
  }

  static @Nullable String problem(File folder, long needed, long room) {
    return needed <= room
        ? null
        : "%s must have room for %d MB of native libraries but has %d MB: set the system property %s to another folder"
            .formatted(folder, megabytes(needed + (1 << 20) - 1), megabytes(room), PROPERTY);
  }

  /** Bytes of the libraries in the resource's folder of a jar that are not extracted yet. */
  private static long missingBytes(URL resource, File folder) {
    try {
      if (!(resource.openConnection() instanceof JarURLConnection connection)) {
        return 0;
      }
      JarFile jar = connection.getJarFile();
      String name = connection.getEntryName();
      String libraries = name.substring(0, name.lastIndexOf('/') + 1);
      File extracted = new File(folder, new File(jar.getName()).getName());
      return jar.stream()
          .filter(entry -> isLoaded(entry, libraries))
          .filter(entry -> new File(extracted, entry.getName()).length() != entry.getSize())
          .mapToLong(JarEntry::getSize)
          .sum();
    } catch (IOException unknown) {
      return 0;
    }
  }

  /** Whether a library is loaded; of OpenBLAS only the binding without LAPACK is used. */
  private static boolean isLoaded(JarEntry entry, String folder) {
    String name = entry.getName();
    return name.startsWith(folder)
        && !entry.isDirectory()
        && name.indexOf('/', folder.length()) < 0
        && !name.contains("jniopenblas_full.")
        && !name.contains("jniopenblas.");
  }

  private static long megabytes(long bytes) {
    return bytes >> 20;
  }
}
