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
  private static final String AVAILABLE = "MemAvailable:";

  private Memory() {}

  /** Bytes that can still be allocated. */
  static long available() {
    long limit = Pointer.maxPhysicalBytes();
    long left = limit > 0 ? Math.max(0, limit - Pointer.physicalBytes()) : Long.MAX_VALUE;
    return Math.min(left, ofMachine());
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
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getFreeMemorySize();
  }
}
