package org.diffusion4j.internal;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.io.File;
import java.util.Optional;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The OpenMP that oneDNN was linked with. */
final class OpenMp {

  private static final Logger LOG = LoggerFactory.getLogger(OpenMp.class);
  private static final Optional<Function> SET = find();

  private OpenMp() {}

  /** Looks the function up through oneDNN, for a process may hold several OpenMPs. */
  private static Optional<Function> find() {
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
      NativeLibrary library = NativeLibrary.getInstance(libraries[0].getPath());
      return Optional.of(library.getFunction("omp_set_num_threads"));
    } catch (LinkageError | RuntimeException e) {
      LOG.info("OpenMP cannot be reached, OMP_NUM_THREADS decides: {}", e.getMessage());
      return Optional.empty();
    }
  }

  /** Sets the threads of parallel regions that the calling thread begins. */
  static void setThreads(int count) {
    SET.ifPresent(function -> function.invokeVoid(new Object[] {count}));
  }
}
