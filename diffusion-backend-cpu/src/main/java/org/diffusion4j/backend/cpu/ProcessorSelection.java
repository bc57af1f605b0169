package org.diffusion4j.backend.cpu;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.io.Resource;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4jBackend;

/**
 * Selects the best native library of nd4j-native on the class path for the processor's instruction
 * sets, and reports why none can be loaded.
 *
 * <p>ND4J instantiates every registered backend before it loads native code, whichever of its
 * classes the application uses first. This is the only reason why this class is a backend; it is
 * never available itself. Without it ND4J would load the AVX-512 build if it is on the class path,
 * and crash on a processor without AVX-512.
 */
public final class ProcessorSelection extends Nd4jBackend {

  static final String EXTENSION = "org.bytedeco.javacpp.platform.extension";

  private static final Set<String> AVX512 =
      Set.of("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl");
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");

  private final @Nullable String problem;

  /** Sets the library to load, unless the application has done so. */
  public ProcessorSelection() {
    PhysicalMemory.limit();
    NativeHeap.keepSmall();
    NativeLibraries libraries = NativeLibraries.ofClassPath();
    if (System.getProperty(EXTENSION) == null && libraries.platform().endsWith("x86_64")) {
      String best = extension(libraries.extensions(), vectorLevel());
      // JavaCPP accepts no empty extension; it falls back to the library without extension.
      System.setProperty(EXTENSION, best.isEmpty() ? "-" : best);
    }
    String extension = System.getProperty(EXTENSION, "");
    problem = libraries.prepare(extension.equals("-") ? "" : extension);
    if (problem == null) {
      OwnLibraries.keepToThem();
    }
  }

  /**
   * The suffix of the best library for a {@link #vectorLevel()}; empty for the one that runs
   * everywhere.
   *
   * @param present the suffixes of the libraries on the class path
   */
  static String extension(Set<String> present, int vectorLevel) {
    List<String> best = new ArrayList<>();
    if (vectorLevel >= 3) {
      best.addAll(List.of("-onednn-avx512", "-avx512"));
    }
    if (vectorLevel >= 2) {
      best.addAll(List.of("-onednn-avx2", "-avx2"));
    }
    best.add("-onednn");
    return best.stream().filter(present::contains).findFirst().orElse("");
  }

  /** 3 if the processor has AVX-512, 2 if it has AVX2, otherwise less. */
  private static int vectorLevel() {
    try {
      if (Files.isReadable(CPUINFO)) {
        return vectorLevel(Files.readAllLines(CPUINFO));
      }
      return Integer.parseInt(
          ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
              .getVMOption("UseAVX")
              .getValue());
    } catch (IOException | RuntimeException | LinkageError unknownProcessor) {
      return 0;
    }
  }

  /** The level according to the first {@code flags} line of Linux's {@code /proc/cpuinfo}. */
  static int vectorLevel(List<String> cpuinfo) {
    for (String line : cpuinfo) {
      if (line.startsWith("flags")) {
        List<String> flags = List.of(line.substring(line.indexOf(':') + 1).trim().split("\\s+"));
        return flags.containsAll(AVX512) ? 3 : flags.contains("avx2") ? 2 : 0;
      }
    }
    return 0;
  }

  /**
   * Last in ND4J's order, so that it is asked only if there is no real backend; but before ND4J's
   * CPU backend, whose priority is 0, if that one could not load its library. ND4J compares
   * priorities by subtracting them, so a very low one would count as high.
   */
  @Override
  public int getPriority() {
    return problem == null ? -1 : 1;
  }

  /**
   * Never returns true.
   *
   * @throws UnsatisfiedLinkError if ND4J's CPU backend cannot load its library, with the reason.
   *     ND4J propagates errors but only logs exceptions.
   */
  @Override
  public boolean isAvailable() {
    if (problem != null) {
      throw new UnsatisfiedLinkError(problem);
    }
    return false;
  }

  @Override
  public boolean canRun() {
    return false;
  }

  @Override
  public boolean allowsOrder() {
    return false;
  }

  @Override
  public Resource getConfigurationResource() {
    throw notABackend();
  }

  @Override
  public Class<?> getNDArrayClass() {
    throw notABackend();
  }

  @Override
  public Environment getEnvironment() {
    throw notABackend();
  }

  @Override
  public String buildInfo() {
    throw notABackend();
  }

  @Override
  public void logBackendInit() {}

  private static UnsupportedOperationException notABackend() {
    return new UnsupportedOperationException("ProcessorSelection is not a backend");
  }
}
