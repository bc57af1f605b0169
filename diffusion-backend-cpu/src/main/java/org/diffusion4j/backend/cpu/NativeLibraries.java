package org.diffusion4j.backend.cpu;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * The native libraries of ND4J on the class path for the platform of this process.
 *
 * @param platform JavaCPP's name of it, for example {@code linux-x86_64}
 * @param extensions the suffixes of the libraries that are there; an empty one for the library that
 *     runs on every processor of the platform
 */
record NativeLibraries(String platform, Set<String> extensions) {

  /** The platforms that an artifact {@code diffusion-backend-cpu-...} brings natives for. */
  private static final List<String> PLATFORMS =
      List.of("linux-x86_64", "linux-arm64", "macosx-arm64", "macosx-x86_64", "windows-x86_64");

  private static final List<String> EXTENSIONS =
      List.of("", "-onednn", "-avx2", "-onednn-avx2", "-avx512", "-onednn-avx512");

  private static final ClassLoader LOADER = NativeLibraries.class.getClassLoader();
  private static final String PATHS = "org.bytedeco.javacpp.platform.linkpath";
  private static final String BINDINGS = "org/nd4j/linalg/cpu/nativecpu/bindings/";

  NativeLibraries {
    extensions = Set.copyOf(extensions);
  }

  static NativeLibraries ofClassPath() {
    String platform = Loader.getPlatform();
    Set<String> present = new LinkedHashSet<>();
    for (String extension : EXTENSIONS) {
      if (LOADER.getResource(folder(platform, extension) + fileName()) != null) {
        present.add(extension);
      }
    }
    return new NativeLibraries(platform, present);
  }

  /**
   * Makes ready what ND4J will load: unpacks its library if that is packed, and lets JavaCPP find
   * it.
   *
   * @return what keeps ND4J from loading its library, in a sentence; null if nothing is known to
   */
  @Nullable String prepare(String extension) {
    if (extensions.isEmpty()) {
      return onLibraryPath() ? null : missing(platform);
    }
    PackedLibrary found = PackedLibrary.find(LOADER, platform);
    PackedLibrary packed = found != null && found.extension().equals(extension) ? found : null;
    String present = extensions.contains(extension) ? extension : "";
    List<String> folders =
        List.of(
            folder(platform, present),
            "org/bytedeco/dnnl/" + platform + "/",
            "org/bytedeco/openblas/" + platform + "/");
    try {
      Path cache = Loader.getCacheDir().toPath();
      String problem =
          ExtractionFolder.problem(cache, folders, packed == null ? 0 : packed.missingBytes(cache));
      if (problem == null && packed != null) {
        addPath(packed.unpack(LOADER, cache).toString());
      }
      return problem;
    } catch (IOException e) {
      // Without any folder JavaCPP fails too, and says so.
      return packed == null ? null : "ND4J's native library cannot be extracted: " + e.getMessage();
    }
  }

  private static void addPath(String folder) {
    String paths = System.getProperty(PATHS, "");
    if (!List.of(paths.split(File.pathSeparator)).contains(folder)) {
      System.setProperty(PATHS, paths.isEmpty() ? folder : folder + File.pathSeparator + paths);
    }
  }

  static String missing(String platform) {
    return "ND4J's native libraries for "
        + platform
        + " must be on the class path but are not: "
        + (PLATFORMS.contains(platform)
            ? "add diffusion-backend-cpu-" + platform
            : "diffusion-backend-cpu has those for " + String.join(", ", PLATFORMS));
  }

  /** Named alike on all systems, unlike the larger library that it is linked with. */
  private static String fileName() {
    return System.mapLibraryName("jnind4jcpu");
  }

  private static String folder(String platform, String extension) {
    return BINDINGS + platform + extension + "/";
  }

  /** Whether the user has put a library where the system looks for it. */
  private static boolean onLibraryPath() {
    for (String folder :
        System.getProperty("java.library.path", "").split(File.pathSeparator, -1)) {
      if (new File(folder, fileName()).exists()) {
        return true;
      }
    }
    return System.getProperties().stringPropertyNames().stream()
        .anyMatch(name -> name.matches("org\\.bytedeco\\.javacpp\\.platform\\.(link|preload)path"));
  }
}
