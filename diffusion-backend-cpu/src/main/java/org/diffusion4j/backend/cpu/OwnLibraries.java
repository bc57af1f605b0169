package org.diffusion4j.backend.cpu;

import java.net.URL;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;

/**
 * Makes JavaCPP use only the libraries of the jars, and only one OpenMP library, that of oneDNN's
 * jar: ND4J's jar for arm64 contains none.
 *
 * <p>JavaCPP requests several versions and kinds of the compilers' libraries. The jars contain one
 * of them, and it searches the operating system for the others, so another OpenMP library might be
 * loaded into this process. JavaCPP does not search for a name that is registered for a loaded
 * library.
 */
final class OwnLibraries {

  /**
   * Names that the presets of OpenBLAS and oneDNN request and that the jars for Linux do not
   * contain.
   */
  private static final List<String> FOREIGN =
      List.of("gcc_s@.1.1", "gfortran@.4", "gfortran@.3", "iomp5", "omp", "tbb@.2");

  private OwnLibraries() {}

  /**
   * Loads OpenMP, and registers the foreign names for a library of the jars that has no
   * dependencies.
   */
  static void keepToThem() {
    if (!System.getProperty("os.name", "").startsWith("Linux")) {
      return;
    }
    try {
      String openMp = "/org/bytedeco/dnnl/" + Loader.getPlatform() + "/libgomp.so.1";
      URL shared = dnnl.class.getResource(openMp);
      if (shared != null) {
        Loader.loadLibrary(dnnl.class, new URL[] {shared}, "gomp@.1");
      }
      String own = "/org/bytedeco/openblas/" + Loader.getPlatform() + "/libgcc_s.so.1";
      URL library = openblas.class.getResource(own);
      if (library != null) {
        for (String name : FOREIGN) {
          Loader.loadLibrary(openblas.class, new URL[] {library}, name);
        }
      }
    } catch (LinkageError e) {
      // ND4J reports missing libraries itself.
    }
  }
}
