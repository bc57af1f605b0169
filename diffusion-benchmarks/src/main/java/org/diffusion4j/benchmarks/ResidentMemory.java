package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The resident memory of this process, on Linux. */
final class ResidentMemory {

  private static final Path STATUS = Path.of("/proc/self/status");

  private ResidentMemory() {}

  /** The peak, in MB of 2^20 bytes. */
  static double peakMb() {
    return megabytes("VmHWM", status());
  }

  /** The current value, in MB of 2^20 bytes. */
  static double currentMb() {
    return megabytes("VmRSS", status());
  }

  /** A field of the file, converted from kB to MB. */
  static double megabytes(String field, List<String> status) {
    for (String line : status) {
      if (line.startsWith(field + ":")) {
        return Long.parseLong(line.replaceAll("\\D+", "")) / 1024.0;
      }
    }
    throw new IllegalStateException(STATUS + ": must have a line " + field + " but has none");
  }

  private static List<String> status() {
    try {
      return Files.readAllLines(STATUS);
    } catch (IOException e) {
      throw new UncheckedIOException(STATUS + ": cannot be read; only Linux has it", e);
    }
  }
}
