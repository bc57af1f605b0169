package org.diffusion4j.backend.cpu;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.nd4j.common.io.Resource;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4jBackend;

/**
 * Chooses the native library of nd4j-native by the instructions that the processor has.
 *
 * <p>ND4J instantiates every registered backend before it loads native code, whichever of its
 * classes the application touches first. That is the only reason why this is one: it is never
 * available itself. Left alone, ND4J would load the AVX-512 build wherever it is on the class path
 * and die on a processor without it.
 */
public final class ProcessorSelection extends Nd4jBackend {

  static final String EXTENSION = "org.bytedeco.javacpp.platform.extension";

  private static final Set<String> AVX512 =
      Set.of("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl");
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");

  /** Sets the library to load, unless the application has done so. */
  public ProcessorSelection() {
    NativeHeap.keepSmall();
    if (System.getProperty(EXTENSION) == null) {
      String extension =
          extension(
              System.getProperty("os.name", ""), System.getProperty("os.arch", ""), vectorLevel());
      if (!extension.isEmpty()) {
        System.setProperty(EXTENSION, extension);
      }
    }
    OwnLibraries.keepToThem();
  }

  /** The suffix of the library for a system, an architecture and a {@link #vectorLevel()}. */
  static String extension(String system, String architecture, int vectorLevel) {
    boolean x86 = Set.of("amd64", "x86_64").contains(architecture.toLowerCase(Locale.ROOT));
    if (!x86) {
      return "";
    }
    boolean mac = system.startsWith("Mac");
    return vectorLevel >= 3 && !mac ? "-onednn-avx512" : vectorLevel >= 2 ? "-onednn-avx2" : "-";
  }

  /** 3 where the processor has AVX-512, 2 where it has AVX2, else less. */
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

  /** The level that the first {@code flags} line of Linux's {@code /proc/cpuinfo} tells. */
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
   * Last in ND4J's order, so that it is asked only where no real backend is there. ND4J compares
   * priorities by subtracting them, so that a very low one would count as high.
   */
  @Override
  public int getPriority() {
    return -1;
  }

  @Override
  public boolean isAvailable() {
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
