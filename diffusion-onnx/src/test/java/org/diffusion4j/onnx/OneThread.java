package org.diffusion4j.onnx;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.file.Path;

/** Loads models that run on the caller's thread. */
final class OneThread {

  private OneThread() {}

  static OnnxDenoiser load(Path file) throws IOException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      return OnnxDenoiser.builder(file).options(options).load();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
