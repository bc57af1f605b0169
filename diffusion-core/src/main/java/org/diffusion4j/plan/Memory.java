package org.diffusion4j.plan;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Pointer;

/** The native memory that the machine and JavaCPP's limit leave. */
final class Memory {

  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path GROUP = Path.of("/sys/fs/cgroup");
  private static final String AVAILABLE = "MemAvailable:";

  private Memory() {}

  /** Bytes that can still be allocated. */
  static long available() {
    long limit = Pointer.maxPhysicalBytes();
    long left = limit > 0 ? Math.max(0, limit - Pointer.physicalBytes()) : Long.MAX_VALUE;
    return Math.min(left, Math.min(ofMachine(), ofGroup()));
  }

  private static long ofMachine() {
    try {
      // Unlike what is free, this counts the page cache, which gives way.
      for (String line : Files.readAllLines(MEMINFO)) {
        if (line.startsWith(AVAILABLE)) {
          return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
    } catch (IOException e) {
      // Not Linux.
    }
    // macOS counts as free only what it never used.
    return System.getProperty("os.name", "").startsWith("Windows")
        ? ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize()
        : Long.MAX_VALUE;
  }

  /** What the limit of a container leaves, if there is one. */
  private static long ofGroup() {
    try {
      String limit = Files.readString(GROUP.resolve("memory.max")).strip();
      String used = Files.readString(GROUP.resolve("memory.current")).strip();
      return limit.equals("max")
          ? Long.MAX_VALUE
          : Math.max(0, Long.parseLong(limit) - Long.parseLong(used));
    } catch (IOException | NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }
}
