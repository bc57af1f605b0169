package org.diffusion4j.engine.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.io.File;
import java.util.Optional;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The OpenMP library that oneDNN is linked with. */
final class OpenMp {

  private static final Logger LOG = LoggerFactory.getLogger(OpenMp.class);
  private static final Optional<NativeLibrary> LIBRARY = find();
  private static final Optional<Function> SET = function("omp_set_num_threads");
  private static final Optional<Function> GET = function("omp_get_max_threads");

  private OpenMp() {}

  /** Looks up functions through oneDNN, because a process may have several OpenMP libraries. */
  private static Optional<NativeLibrary> find() {
    try {
      File binding = new File(Loader.load(dnnl.class));
      File[] libraries =
          binding
              .getParentFile()
              .listFiles(
                  (directory, name) ->
                      name.matches("(lib)?dnnl\\.(so|dll|dylib|\\d).*")
                          || name.matches("libdnnl\\.\\d.*dylib"));
      if (libraries == null || libraries.length == 0) {
        LOG.info("oneDNN's library is not beside {}", binding);
        return Optional.empty();
      }
      return Optional.of(NativeLibrary.getInstance(libraries[0].getPath()));
    } catch (LinkageError | RuntimeException e) {
      LOG.info("OpenMP cannot be reached, OMP_NUM_THREADS decides: {}", e.getMessage());
      return Optional.empty();
    }
  }

  private static Optional<Function> function(String name) {
    try {
      return LIBRARY.map(library -> library.getFunction(name));
    } catch (LinkageError e) {
      LOG.info("OpenMP has no {}, OMP_NUM_THREADS decides: {}", name, e.getMessage());
      return Optional.empty();
    }
  }

  /** The number of threads of parallel regions that the calling thread starts, or 0 if unknown. */
  static int threads() {
    return GET.map(function -> function.invokeInt(new Object[0])).orElse(0);
  }

  /** Sets the number of threads of parallel regions that the calling thread starts. */
  static void setThreads(int count) {
    SET.ifPresent(function -> function.invokeVoid(new Object[] {count}));
  }
}
