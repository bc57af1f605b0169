package org.diffusion4j.backend.cpu;

import java.net.URL;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;

/**
 * Keeps JavaCPP to the libraries of the jars.
 *
 * <p>JavaCPP asks for several versions and kinds of the compilers' libraries, of which the jars
 * hold one, and asks the operating system for the others. What it finds there, perhaps another
 * OpenMP, would then be in this process. A name that stands for a loaded library is not looked for.
 */
final class OwnLibraries {

  /** What the presets of OpenBLAS and oneDNN ask for and the jars for Linux do not hold. */
  private static final List<String> FOREIGN =
      List.of("gcc_s@.1.1", "gfortran@.4", "gfortran@.3", "iomp5", "omp", "tbb@.2");

  private OwnLibraries() {}

  /** Lets these names stand for the one library of the jars that needs no other. */
  static void keepToThem() {
    if (!System.getProperty("os.name", "").startsWith("Linux")) {
      return;
    }
    try {
      String own = "/org/bytedeco/openblas/" + Loader.getPlatform() + "/libgcc_s.so.1";
      URL library = openblas.class.getResource(own);
      if (library != null) {
        for (String name : FOREIGN) {
          Loader.loadLibrary(openblas.class, new URL[] {library}, name);
        }
      }
    } catch (LinkageError e) {
      // Whatever ND4J lacks here it will say itself.
    }
  }
}
