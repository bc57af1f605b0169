package org.diffusion4j.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A library that runs the network, and how its process has to be started to be at its best: the
 * peers are up to twice as slow with the defaults of the C library's heap.
 */
enum Contestant {
  OURS(
      OursProcess.class,
      // As our examples are run: waiting threads that spin take the cores from the others.
      ImmutableMap.of("OMP_WAIT_POLICY", "PASSIVE"),
      // The tensors are not in Java's heap, which is therefore kept small.
      ImmutableList.of(
          "-Xms24m",
          "-Xmx1g",
          "-Xmn8m",
          "-XX:+UseSerialGC",
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")),

  LIBTORCH(
      LibtorchProcess.class,
      ImmutableMap.of(
          "OPENBLAS_NUM_THREADS", "1",
          "GOMP_SPINCOUNT", "10000",
          "MALLOC_MMAP_THRESHOLD_", "4294967296",
          "MALLOC_TRIM_THRESHOLD_", "8589934592",
          "MALLOC_TOP_PAD_", "67108864"),
      // Without these JavaCPP would look for CUDA, and for what the jars lack, in the system.
      ImmutableList.of(
          "-Xmx2g", "-Djava.library.path=", "-Dorg.bytedeco.javacpp.platform.extension=-")),

  ONNXRUNTIME(
      OnnxRuntimeProcess.class,
      // It would report to its makers, and overflow the stack on a long command line.
      ImmutableMap.of("ORT_DISABLE_TELEMETRY", "1"),
      ImmutableList.of("-Xmx1g"));

  private final Class<?> program;
  private final ImmutableMap<String, String> environment;
  private final ImmutableList<String> jvmOptions;

  Contestant(
      Class<?> program,
      ImmutableMap<String, String> environment,
      ImmutableList<String> jvmOptions) {
    this.program = program;
    this.environment = environment;
    this.jvmOptions = jvmOptions;
  }

  /** Whether it can do this at all. */
  boolean does(Mode mode) {
    return this != ONNXRUNTIME || mode == Mode.INFER;
  }

  /** The class whose {@code main} runs a case. */
  Class<?> program() {
    return program;
  }

  /** The environment variables that its process needs. */
  Map<String, String> environment(int threads) {
    Map<String, String> all = new HashMap<>(environment);
    if (this == OURS) {
      all.put("OMP_NUM_THREADS", String.valueOf(threads));
    }
    return all;
  }

  /** The options of its virtual machine. Peers are told their threads by their own programs. */
  List<String> jvmOptions(int threads) {
    List<String> options = new ArrayList<>(jvmOptions);
    if (this == OURS && threads < Runtime.getRuntime().availableProcessors()) {
      options.add("-XX:ActiveProcessorCount=" + threads);
    }
    return options;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
