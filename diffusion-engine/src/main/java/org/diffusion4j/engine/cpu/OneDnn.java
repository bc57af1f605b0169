package org.diffusion4j.engine.cpu;

import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.internal.common.Shown;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The oneDNN library of this process. */
final class OneDnn {

  private static final Logger LOG = LoggerFactory.getLogger(OneDnn.class);

  private static final String CONSEQUENCE =
      "graphs run in SameDiff's sessions, four to five times as slow and in more memory";

  private OneDnn() {}

  /** Loads the library on first use. */
  private static final class Library {

    static final dnnl_engine ENGINE = new dnnl_engine();
    static final boolean AVAILABLE = load();

    private static boolean load() {
      try {
        int status = dnnl.dnnl_engine_create(ENGINE, dnnl.dnnl_cpu, 0);
        if (status != dnnl.dnnl_success) {
          LOG.warn("oneDNN does not run here (status {}): {}", status, CONSEQUENCE);
        }
        return status == dnnl.dnnl_success;
      } catch (LinkageError e) {
        LOG.warn(
            "oneDNN cannot be loaded ({}), which diffusion-backend-cpu brings along: {}",
            Shown.text(String.valueOf(e.getMessage())),
            CONSEQUENCE);
        return false;
      }
    }
  }

  /** Whether the library is on the class path and supports this machine. */
  static boolean available() {
    return Library.AVAILABLE;
  }

  static dnnl_engine engine() {
    return Library.ENGINE;
  }

  static dnnl_stream stream() {
    dnnl_stream stream = new dnnl_stream();
    check(dnnl.dnnl_stream_create(stream, engine(), dnnl.dnnl_stream_in_order), "stream");
    return stream;
  }

  static void check(int status, String what) {
    if (status == dnnl.dnnl_out_of_memory) {
      throw new OutOfMemoryError("oneDNN has no memory for " + what);
    }
    if (status != dnnl.dnnl_success) {
      throw new IllegalStateException("oneDNN refused " + what + " with status " + status);
    }
  }
}
