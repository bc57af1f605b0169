package org.diffusion4j.benchmarks;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A library that runs the network, and the fastest settings of its process. With the default heap
 * settings of the C library the peers are up to twice as slow.
 */
enum Contestant {
  OURS(
      OursProcess.class,
      // Like our examples: waiting threads that spin take the cores from others.
      ImmutableMap.of("OMP_WAIT_POLICY", "PASSIVE"),
      // Tensors are not in Java's heap, so it can be small.
      ImmutableList.of(
          "-Xms24m",
          "-Xmx1g",
          "-Xmn8m",
          "-XX:+UseSerialGC",
          // By default arrays may have four times the heap.
          Memory.OPTION,
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")),

  LIBTORCH(
      LibtorchProcess.class,
      ImmutableMap.of(
          "OPENBLAS_NUM_THREADS", "1",
          "GOMP_SPINCOUNT", "10000",
          "MALLOC_MMAP_THRESHOLD_", "4294967296",
          "MALLOC_TRIM_THRESHOLD_", "8589934592",
          "MALLOC_TOP_PAD_", "67108864"),
      // Without these JavaCPP would search the system for CUDA and for libraries that the jars
      // lack.
      ImmutableList.of(
          "-Xmx2g",
          Memory.OPTION,
          "-Djava.library.path=",
          "-Dorg.bytedeco.javacpp.platform.extension=-")),

  ONNXRUNTIME(
      OnnxRuntimeProcess.class,
      // It would send telemetry, and overflow the stack with a long command line.
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

  /** Whether it supports a mode. */
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

  /** The options of its JVM. The programs of the peers set the number of their threads. */
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

  /** Beside the constants, which are made before the static fields of an enum. */
  private static final class Memory {
    static final String OPTION =
        "-Dorg.bytedeco.javacpp.maxphysicalbytes=" + Runtime.getRuntime().maxMemory() * 4;
  }
}
